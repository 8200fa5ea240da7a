/* Reading what came of a statement: see pg_session.h. */
#include <libpq-fe.h>
#include <string.h>

#include "coordinator/base/pg_session.h"
#include "coordinator/base/text.h"

bool pg_answer_is_null(const struct pg_answer *result, size_t row, size_t column)
{
    return result->handle == NULL || row >= result->rows || column >= result->columns ||
           PQgetisnull(result->handle, (int)row, (int)column);
}

const char *pg_answer_text(const struct pg_answer *result, size_t row, size_t column)
{
    return pg_answer_is_null(result, row, column) ? "" : PQgetvalue(result->handle, (int)row, (int)column);
}

bool pg_answer_bool(const struct pg_answer *result, size_t row, size_t column, bool *out)
{
    const char *text = pg_answer_text(result, row, column);
    if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0)
        return false;
    *out = text[0] == 't';
    return true;
}

bool pg_answer_u64(const struct pg_answer *result, size_t row, size_t column, uint64_t *out)
{
    unsigned long long value = 0;
    if (!text_parse_u64(pg_answer_text(result, row, column), UINT64_MAX, &value))
        return false;
    *out = value;
    return true;
}

bool pg_answer_i64(const struct pg_answer *result, size_t row, size_t column, int64_t *out)
{
    const char *text = pg_answer_text(result, row, column);
    bool negative = text[0] == '-';
    unsigned long long value = 0;
    if (!text_parse_u64(text + (negative ? 1 : 0), INT64_MAX, &value))
        return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}
