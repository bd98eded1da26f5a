/*
 * Types that the core, the plugins and the tools share: status, error, secret buffer,
 * deposit.
 *
 * Nothing here needs a library of this project at link time. A plugin gets memory and
 * services from the host table (plugin.h).
 */
#ifndef KEYHSM_TYPES_H
#define KEYHSM_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The result of a function so marked must be looked at. */
#define KH_CHECK __attribute__((warn_unused_result))
#define KH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Limits. Sizes are in bytes. */
#define KH_NAME_MAX 255           /* a deposit's name, without the terminating NUL */
#define KH_DATA_DEFAULT_MAX 65536 /* a deposit's data, unless configured otherwise */
#define KH_DATA_LIMIT 1048576     /* no configuration allows more data than this */
#define KH_ATTRS_MAX 32           /* attributes of one deposit version */
#define KH_ATTR_NAME_MAX 128
#define KH_ATTR_VALUE_MAX 4096

/* In place of a version number. Real versions are 0 .. KH_VERSION_MAX. */
#define KH_VERSION_MAX 0x7fffffffU
#define KH_LATEST 0xffffffffU /* get, stat: the highest version that is not deleted */
#define KH_ALL_VERSIONS 0xfffffffeU /* remove, restore, purge: every version */

/*
 * The outcomes of every operation. A caller switches on these; the text in struct
 * kh_error is for people.
 */
typedef enum kh_status {
    KH_OK = 0,
    KH_NOT_FOUND,   /* no such deposit or version, or it is deleted */
    KH_EXISTS,      /* create only: something of that name is there */
    KH_REFUSED,     /* a rule forbids it: sealed store, max_keys, no permission, no way */
    KH_INVALID,     /* the request itself is wrong: name, size, attribute, option */
    KH_BUSY,        /* somebody else holds it: another process, a migration; try later */
    KH_UNAVAILABLE, /* the place is not usable now: token gone, daemon down, disk full */
    KH_CORRUPT,     /* stored bytes are not what was stored, or their key is gone */
    KH_FATAL        /* cannot go on: programming error, lost durability, no memory */
} kh_status;

/* One line that names the thing and the cause. Owned by the caller; never allocated. */
struct kh_error {
    kh_status status;
    char message[512];
};

/*
 * Writes an error: STATUS and one formatted line, cut to the space there is. ERR may be
 * NULL. Returns STATUS, so that a failing function ends in `return kh_fail(err, KH_...,
 * "...")`. Never put a secret, a PIN or data bytes into the text. Thread safe.
 */
KH_PRINTF(3, 4)
static __inline__ kh_status kh_fail(
    struct kh_error *err, kh_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        err->status = status;
        va_start(args, format);
        (void)vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return status;
}

/*
 * Secret bytes in locked memory that is left out of core dumps and wiped when it is
 * freed. Made by kh_host.buf_alloc (plugins) or kh_buf_alloc (core), freed by the
 * matching free, which takes an all-zero buffer too. LEN is the number of valid bytes,
 * CAP what was allocated. Zero-initialise before use; move by plain assignment and zero
 * the source.
 */
struct kh_buf {
    unsigned char *data;
    size_t len;
    size_t cap;
};

/* One attribute: UTF-8 strings, NUL terminated, owned by the list. */
struct kh_attr {
    char *name;
    char *value;
};

/* Attributes in order of name, names unique. Zero-initialise. Fill with attrs_set
 * only. */
struct kh_attrs {
    struct kh_attr *list;
    size_t count;
};

typedef enum kh_state { KH_ACTIVE = 0, KH_DELETED = 1 } kh_state;

/*
 * One version of a deposit, with its secret. Zero-initialise; free with
 * kh_host.deposit_free (plugins) or kh_deposit_free (core), which leaves it zeroed.
 */
struct kh_deposit {
    char name[KH_NAME_MAX + 1];
    uint32_t version;
    kh_state state;
    int64_t created; /* seconds since 1970-01-01T00:00:00Z */
    struct kh_attrs attrs;
    struct kh_buf data; /* may be empty */
};

/* What is known of a deposit without opening it. */
struct kh_stat {
    char name[KH_NAME_MAX + 1];
    uint32_t version;  /* the version asked for, or the one KH_LATEST stands for */
    kh_state state;    /* of that version */
    int64_t created;   /* of that version; 0 when it is known only after opening it */
    uint32_t versions; /* how many versions there are, deleted ones included */
    uint32_t highest;  /* the highest version number in use, deleted ones included */
};

/* A place in a listing: everything after (NAME, VERSION). All zero: from the
 * beginning. */
struct kh_cursor {
    char name[KH_NAME_MAX + 1];
    uint32_t version;
    bool started;
};

/* One entry of a listing: one version. */
struct kh_item {
    char name[KH_NAME_MAX + 1];
    uint32_t version;
    kh_state state;
    int64_t created;  /* 0 when not known without opening */
    kh_status status; /* KH_OK, or KH_CORRUPT: it is there and cannot be trusted */
    char note[160];   /* when not KH_OK: what is wrong, e.g. "mode 0644, expected 0600" */
};

#endif
