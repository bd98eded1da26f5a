#include "tests/faults/plan.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULES_MAX 32
#define NAMES_MAX 64

struct rule {
    char function[40];   /* "*": any */
    unsigned long nth;   /* the first call it is for, from 1 */
    unsigned long count; /* for how many calls; 0: for ever */
    unsigned long seen;
    struct fault fault;
};

struct counter {
    char function[40];
    unsigned long calls;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static size_t rule_count;
static struct counter counters[NAMES_MAX];
static size_t counter_count;
static struct stat plan_stat;

static void bad(const char *word)
{
    fprintf(stderr, "fault_pkcs11: \"%s\" is not part of a plan\n", word);
    abort();
}

static unsigned long number(const char *word, const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 0);

    if (end == text || (*end && *end != ':'))
        bad(word);
    return value;
}

static bool parse_flag(struct fault *fault, const char *word)
{
    if (strcmp(word, "after") == 0)
        fault->after = true;
    else if (strcmp(word, "hang") == 0)
        fault->hang = true;
    else if (strcmp(word, "lose_sessions") == 0)
        fault->lose_sessions = true;
    else if (strcmp(word, "logout") == 0)
        fault->logout = true;
    else if (strcmp(word, "swap") == 0)
        fault->swap = true;
    else if (strcmp(word, "kill=before") == 0)
        fault->kill_before = true;
    else if (strcmp(word, "kill=after") == 0)
        fault->kill_after = true;
    else
        return false;
    return true;
}

static void parse_value(struct rule *rule, const char *word)
{
    struct fault *fault = &rule->fault;
    const char *equals = strchr(word, '=');
    const char *text = equals ? equals + 1 : "";
    size_t len = equals ? (size_t)(equals - word) : 0;

    if (len == 2 && strncmp(word, "rv", len) == 0) {
        fault->fail = true;
        fault->rv = number(word, text);
    } else if (len == 3 && strncmp(word, "nth", len) == 0) {
        rule->nth = number(word, text);
    } else if (len == 5 && strncmp(word, "count", len) == 0) {
        rule->count = number(word, text);
    } else if (len == 8 && strncmp(word, "delay_us", len) == 0) {
        fault->delay_us = (unsigned)number(word, text);
    } else if (len == 5 && strncmp(word, "short", len) == 0) {
        fault->shorten = number(word, text);
    } else if (len == 4 && strncmp(word, "hide", len) == 0) {
        fault->hide = true;
        fault->hidden = number(word, text);
    } else if (len == 5 && strncmp(word, "flags", len) == 0) {
        fault->flags = number(word, text);
    } else if (len == 3 && strncmp(word, "lie", len) == 0 && strchr(text, ':')) {
        fault->lie = true;
        fault->lie_type = number(word, text);
        fault->lie_value = (CK_BBOOL)number(word, strchr(text, ':') + 1);
    } else {
        bad(word);
    }
}

/* With the mutex held. */
static void parse(char *text)
{
    char *line_at = NULL;

    rule_count = 0;
    for (char *line = strtok_r(text, "\n;", &line_at); line;
         line = strtok_r(NULL, "\n;", &line_at)) {
        char *word_at = NULL;
        char *word = strtok_r(line, " \t", &word_at);
        struct rule *rule = &rules[rule_count];

        if (!word || word[0] == '#')
            continue;
        if (rule_count == RULES_MAX || strlen(word) >= sizeof rule->function)
            bad(word);
        memset(rule, 0, sizeof *rule);
        strcpy(rule->function, word);
        rule->nth = 1;
        while ((word = strtok_r(NULL, " \t", &word_at))) {
            if (!parse_flag(&rule->fault, word))
                parse_value(rule, word);
        }
        rule_count++;
    }
}

static void set_locked(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        abort();
    parse(copy);
    free(copy);
}

void plan_set(const char *text)
{
    (void)pthread_mutex_lock(&mutex);
    set_locked(text);
    (void)pthread_mutex_unlock(&mutex);
}

void plan_refresh(void)
{
    const char *path = getenv("FAULT_PKCS11_PLAN");
    char text[4096];
    struct stat st;

    if (!path || stat(path, &st) != 0)
        return;
    (void)pthread_mutex_lock(&mutex);
    if (st.st_ino != plan_stat.st_ino || st.st_size != plan_stat.st_size ||
        st.st_mtim.tv_sec != plan_stat.st_mtim.tv_sec ||
        st.st_mtim.tv_nsec != plan_stat.st_mtim.tv_nsec) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        if (fd >= 0)
            (void)close(fd);
        if (len >= 0) {
            text[len] = '\0';
            set_locked(text);
            plan_stat = st;
        }
    }
    (void)pthread_mutex_unlock(&mutex);
}

/* With the mutex held. */
static struct counter *counter_of(const char *function)
{
    for (size_t i = 0; i < counter_count; i++) {
        if (strcmp(counters[i].function, function) == 0)
            return &counters[i];
    }
    if (counter_count == NAMES_MAX)
        abort();
    (void)snprintf(
        counters[counter_count].function, sizeof counters[0].function, "%s", function);
    return &counters[counter_count++];
}

static bool is_for(const struct rule *rule, const char *function)
{
    return strcmp(rule->function, "*") == 0 || strcmp(rule->function, function) == 0;
}

static void merge(struct fault *into, const struct fault *from)
{
    if (from->fail) {
        into->fail = true;
        into->rv = from->rv;
    }
    if (from->lie) {
        into->lie = true;
        into->lie_type = from->lie_type;
        into->lie_value = from->lie_value;
    }
    if (from->hide) {
        into->hide = true;
        into->hidden = from->hidden;
    }
    into->after |= from->after;
    into->kill_before |= from->kill_before;
    into->kill_after |= from->kill_after;
    into->hang |= from->hang;
    into->delay_us += from->delay_us;
    into->lose_sessions |= from->lose_sessions;
    into->logout |= from->logout;
    into->shorten += from->shorten;
    into->flags |= from->flags;
    into->swap |= from->swap;
}

struct fault plan_next(const char *function)
{
    struct fault fault = {0};

    (void)pthread_mutex_lock(&mutex);
    counter_of(function)->calls++;
    for (size_t i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];

        if (!is_for(rule, function))
            continue;
        rule->seen++;
        if (rule->seen >= rule->nth &&
            (rule->count == 0 || rule->seen < rule->nth + rule->count))
            merge(&fault, &rule->fault);
    }
    (void)pthread_mutex_unlock(&mutex);
    return fault;
}

bool plan_hangs(const char *function)
{
    bool hangs = false;

    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < rule_count; i++)
        hangs |= is_for(&rules[i], function) && rules[i].fault.hang;
    (void)pthread_mutex_unlock(&mutex);
    return hangs;
}

unsigned long plan_calls(const char *function)
{
    unsigned long calls;

    (void)pthread_mutex_lock(&mutex);
    calls = counter_of(function)->calls;
    (void)pthread_mutex_unlock(&mutex);
    return calls;
}

void plan_log(const char *function, CK_RV rv)
{
    const char *path = getenv("FAULT_PKCS11_LOG");
    char line[80];
    int len;
    int fd;

    if (!path)
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    len = snprintf(line, sizeof line, "%s 0x%lx\n", function, (unsigned long)rv);
    if (write(fd, line, (size_t)len) != len)
        abort();
    (void)close(fd);
}
