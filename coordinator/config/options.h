/* Every option there is: one table for each file.
 *
 * A row says where an option stands, its type, default and bounds, which field it fills, and what
 * it means. The reader (reader.h) is driven by these rows alone; JSON Schema, samples and
 * etc/README.md are checked against them by `make tidy`. What needs two options to be judged, or a
 * name to be resolved, is in the rules (rules.h).
 *
 * Paths are patterns: "$.services.*.dns.zones[].id", where * stands for any name in a map and []
 * for any element of a list.
 */
#ifndef FAILOVERD_CONFIG_OPTIONS_H
#define FAILOVERD_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    /* Containers. */
    OPTION_OBJECT,   /* its options fill the struct of the object around it, also when left out */
    OPTION_OPTIONAL, /* fills a pointer to a struct of its own; NULL when left out */
    OPTION_MAP,      /* any names; fills a sorted array of structs and its count */
    OPTION_LIST,     /* of objects; fills an array of structs and its count */
    /* Texts, kept as text. */
    OPTION_TEXT,
    OPTION_NAME,
    OPTION_FILE,
    OPTION_URL,
    OPTION_HOST,
    OPTION_SOCKET, /* a socket's folder, or a host */
    OPTION_IP,
    OPTION_ENDPOINT,
    OPTION_IP_ENDPOINT,
    OPTION_DNS_NAME,
    OPTION_ZONE_ID,
    OPTION_PRINCIPAL,
    OPTION_WORD, /* one of `choices` */
    /* Others. */
    OPTION_DURATION, /* int64_t microseconds */
    OPTION_SIZE,     /* int64_t bytes */
    OPTION_INTEGER,  /* int64_t */
    OPTION_BOOL,     /* bool */
    OPTION_CHOICE,   /* int, the index into `choices` */
    OPTION_STATUS,   /* struct status_range; lists only */
    OPTION_SCALAR,   /* any text, number, true, false or null, kept as compact JSON */
    OPTION_POINTER,  /* a JSON pointer; keys of maps only */
    OPTION_TYPE_COUNT
};

struct option {
    const char *path;
    enum option_type type;
    bool list;     /* a JSON array of `type` */
    bool required; /* else it has a default, or may be left out altogether */
    size_t at;       /* of the field in the struct of the nearest OPTIONAL, MAP or LIST around it */
    size_t count_at; /* of the count: MAP, LIST, and lists of CHOICE or STATUS */
    size_t size;     /* of one struct: OPTIONAL, MAP, LIST */
    size_t key_at;   /* MAP: of the `const char *` for the key */
    enum option_type key;       /* MAP: type of the keys */
    int64_t min;                /* value; number of items for lists, maps */
    int64_t max;
    const char *fallback;       /* the default, as JSON; NULL: none */
    const char *const *choices; /* CHOICE, WORD; ends with NULL */
    const char *when;           /* "type=tcp|dns": only where the sibling option says so */
    const char *means;          /* one sentence for people */
};

struct option_table {
    const struct option *rows;
    size_t count;
    size_t size; /* of the struct that "$" fills */
};

extern const struct option_table cluster_options;
extern const struct option_table node_options;

extern const char *const option_modes[];
extern const char *const option_fences[];
extern const char *const option_check_types[];
extern const char *const option_runbook_whens[];
extern const char *const option_runbook_checks[];
extern const char *const option_record_types[];
extern const char *const option_record_kinds[];
extern const char *const option_events[];
extern const char *const option_channel_kinds[];

/* "duration", ... for reports and the schema. */
const char *option_type_name(enum option_type type);

/* What a value of the type looks like, for messages: "a duration such as \"10s\"". */
const char *option_type_example(enum option_type type);

/* The last segment: "duration", "*". */
const char *option_key(const struct option *row);

/* Whether the row stands directly in the object that `pattern` matches. */
bool option_is_child(const struct option *row, const char *pattern);

/* Whether `word` (of the sibling in `when`) lets the row apply. */
bool option_applies_to(const struct option *row, const char *word);

/* The sibling that decides about `row` (it stands earlier in the table), or NULL. */
const struct option *option_decider(const struct option_table *table, const struct option *row);

/* Whether the row applies to the struct at `base`, in which its decider was already filled.
 * Undecided (the decider was wrong in the file) is false, with *undecided set. */
bool option_applies(const struct option_table *table, const struct option *row, const void *base,
                    bool *undecided);

#endif
