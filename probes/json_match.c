/* JSON pointers and equality: see json_match.h. */
#include "probes/json_match.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "coordinator/base/text.h"

bool json_pointer_check(const char *pointer, struct fault *fault)
{
    if (strlen(pointer) >= JSON_POINTER_MAX)
        return fault_set(fault, "a JSON pointer has at most %d characters", JSON_POINTER_MAX - 1);
    if (pointer[0] != '\0' && pointer[0] != '/')
        return fault_set(fault, "the JSON pointer \"%.60s\" does not begin with '/'", pointer);
    for (const char *at = pointer; *at != '\0'; at++)
        if (*at == '~' && at[1] != '0' && at[1] != '1')
            return fault_set(fault, "in the JSON pointer \"%.60s\" a '~' is written \"~0\" and a '/' inside of a "
                                    "name \"~1\"", pointer);
    return true;
}

/* The token at `*at`, which stands behind its '/', unescaped; moves `*at` to the next '/' or the end. */
static void take_token(const char **at, char token[JSON_POINTER_MAX])
{
    size_t length = 0;
    for (; **at != '\0' && **at != '/'; (*at)++) {
        char c = **at;
        if (c == '~') {
            (*at)++;
            c = **at == '1' ? '/' : '~';
        }
        token[length++] = c;
    }
    token[length] = '\0';
}

/* "0", or digits without a leading zero; "-", the place behind the last element, is never there. */
static const json_t *element(const json_t *array, const char *token)
{
    unsigned long long index;
    if ((token[0] == '0' && token[1] != '\0') || !text_parse_u64(token, UINT_MAX, &index))
        return NULL;
    return json_array_get(array, (size_t)index);
}

const json_t *json_pointer_find(const json_t *document, const char *pointer)
{
    char token[JSON_POINTER_MAX];
    const json_t *value = document;
    const char *at = pointer;
    while (value != NULL && *at == '/') {
        at++;
        take_token(&at, token);
        value = json_is_object(value)  ? json_object_get(value, token)
                : json_is_array(value) ? element(value, token) : NULL;
    }
    return value;
}

static bool numbers_equal(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    double x = json_number_value(a), y = json_number_value(b);
    return x <= y && x >= y;
}

static bool objects_equal(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
        if (!json_match_equal(value, json_object_get(b, key)))
            return false;
    return true;
}

bool json_match_equal(const json_t *a, const json_t *b)
{
    if (a == NULL || b == NULL)
        return false;
    if (json_is_number(a) && json_is_number(b))
        return numbers_equal(a, b);
    if (json_is_object(a) && json_is_object(b))
        return objects_equal(a, b);
    if (!json_is_array(a) || !json_is_array(b))
        return json_equal(a, b) != 0;
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!json_match_equal(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return true;
}
