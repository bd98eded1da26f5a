#include "server/metrics_parts.h"

#include "server/exposition.h"

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What /proc/self/stat says behind the program's name, which may hold anything. */
struct facts {
    unsigned long long user; /* clock ticks */
    unsigned long long system;
    unsigned long long started; /* clock ticks since the machine's start */
    unsigned long long virtual_bytes;
    unsigned long long resident_pages;
};

static bool read_facts(struct facts *out)
{
    char text[1024] = "";
    FILE *from = fopen("/proc/self/stat", "re");
    const char *rest;

    if (!from)
        return false;
    text[fread(text, 1, sizeof text - 1, from)] = '\0';
    (void)fclose(from);
    rest = strrchr(text, ')');
    return rest && sscanf(rest,
                       ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d "
                       "%*d %*d %*d %*d %llu %llu %llu",
                       &out->user, &out->system, &out->started, &out->virtual_bytes,
                       &out->resident_pages) == 5;
}

static double start_time(const struct facts *facts, double ticks)
{
    struct timespec now = {0};
    struct timespec up = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)clock_gettime(CLOCK_BOOTTIME, &up);
    return (double)(now.tv_sec - up.tv_sec) + (double)facts->started / ticks;
}

static void print_descriptors(FILE *to)
{
    struct rlimit limit = {0};
    DIR *dir = opendir("/proc/self/fd");
    double count = -3; /* . and .. and the directory itself */

    if (!dir)
        return;
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    kh_expose_gauge(to, "process_open_fds", "Open file descriptors.", count);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        kh_expose_gauge(
            to, "process_max_fds", "The most there may be.", (double)limit.rlim_cur);
}

void kh_metrics_process(FILE *to)
{
    double ticks = (double)sysconf(_SC_CLK_TCK);
    struct facts facts;

    print_descriptors(to);
    if (!read_facts(&facts))
        return;
    kh_expose_head(to, "process_cpu_seconds_total", "counter",
        "Processor time used, user and system.");
    fprintf(to, "process_cpu_seconds_total %.2f\n",
        (double)(facts.user + facts.system) / ticks);
    kh_expose_gauge(to, "process_virtual_memory_bytes", "Size of the address space.",
        (double)facts.virtual_bytes);
    kh_expose_gauge(to, "process_resident_memory_bytes", "Memory in use.",
        (double)facts.resident_pages * (double)sysconf(_SC_PAGESIZE));
    kh_expose_gauge(to, "process_start_time_seconds",
        "When the process was started, seconds since 1970.", start_time(&facts, ticks));
}
