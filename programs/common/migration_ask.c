#include "programs/common/migration_ask.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { ANSWER_MAX = 80, POLL_MS = 200 };

static atomic_bool cancelled_by_signal;
static int second_status;

static void on_signal(int number)
{
    (void)number;
    if (atomic_exchange(&cancelled_by_signal, true))
        _exit(second_status);
}

const atomic_bool *kh_migration_catch_signals(int status)
{
    /* SA_RESTART: a token's driver is not to see its system calls interrupted. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    second_status = status;
    sigemptyset(&action.sa_mask);
    sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    return &cancelled_by_signal;
}

bool kh_migration_is_yes(const char *answer)
{
    static const char blanks[] = " \t\r\n";
    size_t len;

    answer += strspn(answer, blanks);
    len = strcspn(answer, blanks);
    if (answer[len + strspn(answer + len, blanks)] != '\0')
        return false;
    return (len == 1 && strncasecmp(answer, "y", 1) == 0) ||
           (len == 3 && strncasecmp(answer, "yes", 3) == 0);
}

/* One line of standard input, without the C library's buffer: poll would not see into it.
 */
static bool read_answer(char answer[ANSWER_MAX], const atomic_bool *cancelled)
{
    size_t len = 0;

    while (!atomic_load(cancelled)) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        char c;

        if (poll(&in, 1, POLL_MS) <= 0)
            continue;
        if (read(STDIN_FILENO, &c, 1) != 1)
            return false;
        if (c == '\n')
            break;
        if (len + 1 < ANSWER_MAX)
            answer[len++] = c;
        else
            answer[0] = 'n'; /* no yes is that long */
    }
    answer[len] = '\0';
    return !atomic_load(cancelled);
}

bool kh_migration_ask(FILE *out, const atomic_bool *cancelled)
{
    char answer[ANSWER_MAX] = "";

    fputs("Some deposits were found that will need to be moved to the HSM.\n\n"
          "Note that although this operation can be interrupted, once complete,\n"
          "items stored in the HSM must remain there!\n\n"
          "Do you want to perform this migration now? [y/N]: ",
        out);
    (void)fflush(out);
    if (!read_answer(answer, cancelled)) {
        fputc('\n', out);
        (void)fflush(out);
        return false;
    }
    return kh_migration_is_yes(answer);
}
