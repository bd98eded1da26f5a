/* The audit log read as one chain over several files; the rules are in audit.h. */
#include "server/audit_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What an audit.recover can answer for, and so the longest line that is read. */
enum { TORN_MAX = 1024 * 1024 + KH_AUDIT_LINE_MAX };

struct reader {
    FILE *file;
    const char *path;
    off_t size; /* when it was opened: a log that grows has no end; 0: not known */
    off_t done;
    uint64_t line;
    char
        *text; /* TORN_MAX: the bytes since the last entry, the line at hand at the end */
    size_t start; /* of the line at hand */
    size_t len;
    uint64_t torn_line; /* the first line that was no entry; 0: none */
    const char *fault;  /* what is wrong with it */
};

struct chain {
    struct kh_audit_link link;
    struct kh_audit_report *report;
    const struct kh_audit_expected *expected;
    bool met; /* an entry as expected was there */
};

static bool whole(const struct reader *r)
{
    return r->len > r->start && r->text[r->len - 1] == '\n';
}

/* The next line behind what is kept. KH_NOT_FOUND: there is none. */
static kh_status next_line(struct reader *r, struct kh_error *err)
{
    int c = 0;

    if (r->size > 0 && r->done >= r->size)
        return KH_NOT_FOUND;
    r->start = r->len;
    r->line++;
    while (r->len < TORN_MAX && c != '\n' && (c = getc_unlocked(r->file)) != EOF)
        r->text[r->len++] = (char)c;
    r->done += (off_t)(r->len - r->start);
    if (ferror(r->file))
        return kh_fail(
            err, KH_UNAVAILABLE, "%s: cannot be read: %s", r->path, strerror(errno));
    if (c != '\n' && r->len == TORN_MAX)
        return kh_fail(err, KH_CORRUPT, "%s:%" PRIu64 ": %s", r->path,
            r->torn_line ? r->torn_line : r->line,
            r->torn_line ? r->fault : "is no entry of an audit log");
    return r->len > r->start ? KH_OK : KH_NOT_FOUND;
}

/* Looks for entry SEQ in the rest of the file: the line it stands in, or 0. */
static uint64_t look_ahead(struct reader *r, uint64_t seq)
{
    struct kh_audit_facts facts;

    for (;;) {
        r->len = 0;
        if (next_line(r, NULL) != KH_OK || !whole(r))
            return 0;
        if (!kh_audit_line_fault(r->text, r->len - 1, &facts) && facts.link.seq == seq)
            return r->line;
    }
}

/* FACTS should follow the chain, and do not. */
static kh_status wrong_place(struct reader *r, const struct chain *chain,
    const struct kh_audit_facts *facts, struct kh_error *err)
{
    uint64_t at = r->line;
    uint64_t last = chain->link.seq;
    uint64_t seq = facts->link.seq;
    uint64_t elsewhere = seq > last + 1 ? look_ahead(r, last + 1) : 0;

    if (elsewhere)
        return kh_fail(err, KH_CORRUPT,
            "%s:%" PRIu64 ": entry %" PRIu64 " follows entry %" PRIu64 "; entry %" PRIu64
            " stands in line %" PRIu64 ": the lines were reordered",
            r->path, at, seq, last, last + 1, elsewhere);
    if (seq > last + 1)
        return kh_fail(err, KH_CORRUPT,
            "%s:%" PRIu64 ": entry %" PRIu64 " follows entry %" PRIu64
            ": lines are missing",
            r->path, at, seq, last);
    if (seq == last + 1)
        return kh_fail(err, KH_CORRUPT,
            "%s:%" PRIu64 ": entry %" PRIu64 " was made behind another entry %" PRIu64
            ": that one was replaced",
            r->path, at, seq, last);
    return kh_fail(err, KH_CORRUPT,
        "%s:%" PRIu64 ": entry %" PRIu64 " follows entry %" PRIu64
        ": repeated, reordered, or the beginning of another log",
        r->path, at, seq, last);
}

/* The bytes that were no entry are right when an audit.recover answers for them. */
static bool accounted(const struct reader *r, const struct kh_audit_facts *facts)
{
    char hash[KH_AUDIT_HASH];

    return facts->recover && facts->torn.bytes == r->start &&
           kh_audit_hash(r->text, r->start, hash) && strcmp(hash, facts->torn.hash) == 0;
}

static void note(struct chain *chain, const struct kh_audit_link *link)
{
    const struct kh_audit_expected *e = chain->expected;

    chain->link = *link;
    if (chain->report->entries++ == 0)
        chain->report->first = link->seq;
    chain->report->last = link->seq;
    memcpy(chain->report->head, link->hash, sizeof link->hash);
    if (e && (!e->seq || e->seq == link->seq) &&
        (!e->hash || strcmp(e->hash, link->hash) == 0))
        chain->met = true;
}

static kh_status take_entry(struct reader *r, struct chain *chain,
    const struct kh_audit_facts *facts, struct kh_error *err)
{
    static const struct kh_audit_link origin = KH_AUDIT_ORIGIN;
    bool first = chain->report->entries == 0;

    if (r->torn_line && !accounted(r, facts))
        return kh_fail(
            err, KH_CORRUPT, "%s:%" PRIu64 ": %s", r->path, r->torn_line, r->fault);
    if (first && facts->link.seq == 1 && strcmp(facts->prev, origin.hash) != 0)
        return kh_fail(err, KH_CORRUPT,
            "%s:%" PRIu64 ": entry 1 was made behind another entry", r->path, r->line);
    if (!first && (facts->link.seq != chain->link.seq + 1 ||
                      strcmp(facts->prev, chain->link.hash) != 0))
        return wrong_place(r, chain, facts, err);
    if (!r->torn_line && facts->recover)
        return kh_fail(err, KH_CORRUPT,
            "%s:%" PRIu64 ": the bytes that this audit.recover answers for are missing",
            r->path, r->line);
    chain->report->torn += r->torn_line != 0;
    r->torn_line = 0;
    r->len = 0;
    note(chain, &facts->link);
    return KH_OK;
}

/* At the end of a file an interrupted write need not have been marked: the file was
 * renamed before the next start, or is being written. */
static kh_status end_of_file(
    const struct reader *r, struct chain *chain, struct kh_error *err)
{
    size_t mark = sizeof KH_AUDIT_TORN - 1;
    bool marked =
        r->len >= mark && memcmp(r->text + r->len - mark, KH_AUDIT_TORN, mark) == 0;

    if (!r->torn_line)
        return KH_OK;
    if (r->text[r->len - 1] == '\n' && !marked)
        return kh_fail(
            err, KH_CORRUPT, "%s:%" PRIu64 ": %s", r->path, r->torn_line, r->fault);
    chain->report->torn++;
    return KH_OK;
}

static kh_status read_lines(struct reader *r, struct chain *chain, struct kh_error *err)
{
    struct kh_audit_facts facts;
    kh_status st;

    while ((st = next_line(r, err)) == KH_OK) {
        const char *fault = "is no entry of an audit log";

        if (whole(r))
            fault =
                kh_audit_line_fault(r->text + r->start, r->len - r->start - 1, &facts);
        if (!fault)
            st = take_entry(r, chain, &facts, err);
        else if (!r->torn_line) {
            r->torn_line = r->line;
            r->fault = fault;
        }
        if (st != KH_OK)
            return st;
    }
    return st == KH_NOT_FOUND ? end_of_file(r, chain, err) : st;
}

static kh_status read_file(const char *path, struct chain *chain, struct kh_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    struct reader r = {.path = standard ? "standard input" : path,
        .file = standard ? stdin : fopen(path, "re")};
    struct stat sb;
    kh_status st;

    if (!r.file)
        return kh_fail(err, errno == ENOENT ? KH_NOT_FOUND : KH_UNAVAILABLE,
            "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(fileno(r.file), &sb) == 0 && S_ISREG(sb.st_mode))
        r.size = sb.st_size;
    r.text = malloc(TORN_MAX);
    st = r.text ? read_lines(&r, chain, err)
                : kh_fail(err, KH_FATAL, "no memory to read %s", path);
    if (!standard)
        (void)fclose(r.file);
    free(r.text);
    return st;
}

/* A truncated or rewritten log is a chain without fault; only what somebody noted shows
 * it. */
static kh_status check_expected(const struct chain *chain, struct kh_error *err)
{
    const struct kh_audit_expected *e = chain->expected;

    if (!e || (!e->seq && !e->hash) || chain->met)
        return KH_OK;
    if (e->seq && chain->report->last < e->seq)
        return kh_fail(err, KH_CORRUPT,
            "the log ends at entry %" PRIu64 "; entry %" PRIu64
            " was expected: it was truncated",
            chain->report->last, e->seq);
    if (e->seq && chain->report->first > e->seq)
        return kh_fail(err, KH_CORRUPT,
            "the log begins at entry %" PRIu64 "; entry %" PRIu64
            " was expected: an older file is missing",
            chain->report->first, e->seq);
    if (e->seq)
        return kh_fail(err, KH_CORRUPT,
            "entry %" PRIu64 " has not the expected hash: it was written anew, and all "
            "that follows",
            e->seq);
    return kh_fail(err, KH_CORRUPT,
        "no entry has the expected hash; the log goes from %" PRIu64 " to %" PRIu64
        ": it was truncated or written anew, or an older file is missing",
        chain->report->first, chain->report->last);
}

kh_status kh_audit_verify(const char *const *files, size_t count,
    const struct kh_audit_expected *expected, struct kh_audit_report *report,
    struct kh_error *err)
{
    struct chain chain = {
        .link = KH_AUDIT_ORIGIN, .report = report, .expected = expected};
    kh_status st = KH_OK;

    *report = (struct kh_audit_report){0};
    memcpy(report->head, chain.link.hash, sizeof report->head);
    for (size_t i = 0; st == KH_OK && i < count; i++)
        st = read_file(files[i], &chain, err);
    return st == KH_OK ? check_expected(&chain, err) : st;
}
