/* "host:port" and back, for links. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/peer/link_parts.h"

static bool malformed(struct fault *fault, const char *text)
{
    return fault_set(fault, "\"%s\" is not an address; write host:port, 192.0.2.1:7400 or [2001:db8::1]:7400", text);
}

bool link_address_parse(const char *text, struct link_address *out, struct fault *fault)
{
    memset(out, 0, sizeof *out);
    if (!text_copy(out->text, sizeof out->text, text))
        return fault_set(fault, "an address of more than %d bytes", LINK_ADDRESS_MAX - 1);
    const char *colon = strrchr(text, ':');
    unsigned long long port = 0;
    if (colon == NULL || colon == text || !text_parse_u64(colon + 1, UINT16_MAX, &port))
        return malformed(fault, text);
    const char *host = text;
    size_t length = (size_t)(colon - text);
    bool bracketed = host[0] == '[' && host[length - 1] == ']';
    if (bracketed) {
        host++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof out->host)
        return malformed(fault, text);
    memcpy(out->host, host, length);
    out->host[length] = '\0';
    out->port = (uint16_t)port;
    out->literal = resolver_is_literal(out->host);
    bool ipv6 = strchr(out->host, ':') != NULL;
    if (ipv6 != bracketed || (ipv6 && !out->literal))
        return malformed(fault, text);
    return true;
}

bool link_address_socket(const char *ip, uint16_t port, struct sockaddr_storage *out, socklen_t *length,
                         struct fault *fault)
{
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *length = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *length = sizeof *v6;
        return true;
    }
    return fault_set(fault, "\"%s\" is not an IP address", ip);
}

void link_address_of(const struct sockaddr *address, char out[RESOLVER_ADDRESS_MAX])
{
    const void *bytes = NULL;
    if (address->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    else if (address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (bytes == NULL || inet_ntop(address->sa_family, bytes, out, RESOLVER_ADDRESS_MAX) == NULL)
        (void)text_copy(out, RESOLVER_ADDRESS_MAX, "unknown");
}
