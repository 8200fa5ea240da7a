/* Requests in the shape that a version 4 signature needs: see sigv4.h. */
#include "dns/sigv4.h"

#include <string.h>

bool sigv4_path_ok(const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/.-";
    if (path[0] != '/' || strspn(path, plain) != strlen(path))
        return false;
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part++;
        size_t length = strcspn(part, "/");
        if (length == 0 && *part == '/')
            return false;
        if (length > 0 && length <= 2 && strspn(part, ".") == length)
            return false;
    }
    return true;
}

/* By name, then value: by bytes, as the signature's rules want it. Parameter names are plain ASCII, so
 * the encoded order is the same. */
static bool comes_before(const struct sigv4_parameter *a, const struct sigv4_parameter *b)
{
    int order = strcmp(a->name, b->name);
    if (order != 0)
        return order < 0;
    return strcmp(a->value != NULL ? a->value : "", b->value != NULL ? b->value : "") < 0;
}

bool sigv4_url(struct text *url, const char *endpoint, const char *path,
               const struct sigv4_parameter *parameters, size_t count, struct fault *fault)
{
    struct sigv4_parameter sorted[SIGV4_PARAMETERS_MAX];
    if (!sigv4_path_ok(path))
        return fault_set(fault, "the path \"%.100s\" can't be signed", path);
    if (count > SIGV4_PARAMETERS_MAX)
        return fault_set(fault, "more than %d query parameters", SIGV4_PARAMETERS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && comes_before(&parameters[i], &sorted[at - 1]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = parameters[i];
    }
    text_append(url, endpoint);
    text_append(url, path);
    for (size_t i = 0; i < count; i++) {
        text_append_char(url, i == 0 ? '?' : '&');
        text_append_uri(url, sorted[i].name, false);
        text_append_char(url, '=');
        text_append_uri(url, sorted[i].value != NULL ? sorted[i].value : "", false);
    }
    return !url->cut || fault_set(fault, "the URL is too long");
}
