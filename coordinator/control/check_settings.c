/* A configured check as the schedule takes it: see check_settings.h. */
#include "coordinator/control/check_settings.h"

static void fill_http(const struct http_check_config *http, struct check_settings *out)
{
    for (size_t i = 0; i < http->status_count; i++)
        out->status[i] = (struct http_status_range){ http->status[i].low, http->status[i].high };
    for (size_t i = 0; i < http->json_count; i++)
        out->json[i] = (struct http_json_expectation){ http->json[i].pointer, http->json[i].value_json };
    out->check.kind = SCHEDULE_HTTP;
    out->check.settings.http = (struct http_probe_settings){
        .url = http->url,
        .status = out->status,
        .status_count = http->status_count,
        .contains = http->contains,
        .json = out->json,
        .json_count = http->json_count,
        .skip_certificate_check = !http->certificate_check,
        .ca_file = http->ca_file,
        .server_name = http->server_name,
        .connect_us = http->connect_us,
        .tls_us = http->tls_us,
        .first_byte_us = http->first_byte_us,
        .total_us = http->total_us,
    };
}

static bool fill_tcp(const struct tcp_check_config *tcp, struct check_settings *out, struct fault *fault)
{
    struct tcp_probe_settings *settings = &out->check.settings.tcp;
    out->check.kind = SCHEDULE_TCP;
    settings->host = out->host;
    return config_split_endpoint(tcp->address, out->host, sizeof out->host, &settings->port) ||
           fault_set(fault, "%s is no host:port", tcp->address);
}

static enum resolve_type type_of(int record)
{
    switch ((enum config_record_type)record) {
    case CONFIG_RECORD_AAAA: return RESOLVE_TYPE_AAAA;
    case CONFIG_RECORD_CNAME: return RESOLVE_TYPE_CNAME;
    case CONFIG_RECORD_A:
    default: return RESOLVE_TYPE_A;
    }
}

static void fill_dns(const struct dns_check_config *dns, struct check_settings *out)
{
    out->check.kind = SCHEDULE_DNS;
    out->check.settings.dns = (struct dns_probe_settings){
        .name = dns->name,
        .type = type_of(dns->record),
        .servers = dns->servers.items,
        .server_count = dns->servers.count,
        .expect_any = dns->expect_any.items,
        .expect_count = dns->expect_any.count,
    };
}

static bool fill_postgres(const struct check_place *place, const struct check_config *check, struct check_settings *out,
                          struct fault *fault)
{
    const struct database_config *database = place->region->database;
    if (database == NULL || place->secrets == NULL)
        return fault_set(fault, "there is no database in this region");
    /* The guard looks at its own database from inside: its own fence must not blind it. */
    bool inside = config_is_guard(place->region, place->self);
    out->check.kind = SCHEDULE_POSTGRES;
    out->check.settings.postgres = (struct postgres_probe_settings){
        .target = inside ? database_inside(database, place->secrets) : database_outside(database, place->secrets),
        .observer = place->cluster->nodes[place->self].name,
        .write_check = check->postgres.write_check,
        .may_write = place->may_write,
    };
    return true;
}

bool check_settings_fill(const struct check_place *place, const struct check_config *check, struct check_settings *out,
                         struct fault *fault)
{
    out->check = (struct schedule_check){ .interval_us = check->interval_us, .timeout_us = check->timeout_us };
    switch ((enum config_check_type)check->type) {
    case CONFIG_CHECK_HTTP: fill_http(&check->http, out); return true;
    case CONFIG_CHECK_TCP: return fill_tcp(&check->tcp, out, fault);
    case CONFIG_CHECK_DNS: fill_dns(&check->dns, out); return true;
    case CONFIG_CHECK_POSTGRES: return fill_postgres(place, check, out, fault);
    default: return fault_set(fault, "unknown type of check");
    }
}
