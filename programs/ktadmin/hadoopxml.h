/*
 * Hadoop's configuration files: <configuration><property><name/><value/>...</property>...
 * Read with expat. A file with a DOCTYPE is refused, so there are no entities but the
 * five of XML; includes are refused, too.
 */
#ifndef KH_KTADMIN_HADOOPXML_H
#define KH_KTADMIN_HADOOPXML_H

#include <keyhsm/types.h>

#define KH_HADOOP_FILE_MAX (8 * 1024 * 1024) /* bytes */
#define KH_HADOOP_TEXT_MAX (64 * 1024)       /* bytes of a name or a value */
#define KH_HADOOP_PROPERTIES_MAX 20000

struct kh_hadoop_property {
    char *name;
    char *value; /* as it stands there, blanks included */
};

struct kh_hadoop {
    struct kh_hadoop_property
        *list; /* each name once: the last one counts, as in Hadoop */
    size_t count;
};

/* Parses LEN bytes of TEXT; PATH is for messages. KH_INVALID, "PATH:LINE: ...". OUT
 * (zeroed) goes to kh_hadoop_free, also on failure. */
KH_CHECK kh_status kh_hadoop_parse(struct kh_hadoop *out, const char *path,
    const struct kh_buf *text, struct kh_error *err);

/* The same of the file PATH. KH_INVALID also when it cannot be read, or is too large. */
KH_CHECK kh_status kh_hadoop_read(
    struct kh_hadoop *out, const char *path, struct kh_error *err);

/* The value of NAME, or NULL. */
const char *kh_hadoop_get(const struct kh_hadoop *properties, const char *name);

void kh_hadoop_free(struct kh_hadoop *properties);

#endif
