#include "tests/unit/pkcs11/faulty.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static void (*set_plan)(const char *text);
static unsigned long (*count_calls)(const char *function);
static void (*forget)(void);

struct base {
    char function[40];
    unsigned long calls;
};
static struct base bases[32];
static size_t base_count;

static void *symbol(void *handle, const char *name)
{
    void *found = dlsym(handle, name);

    if (!found) {
        fprintf(stderr, "faulty: %s\n", dlerror());
        abort();
    }
    return found;
}

static void load(void)
{
    void *handle = dlopen(FAULT_PKCS11_SO, RTLD_NOW | RTLD_LOCAL);
    void *found;

    if (!handle) {
        fprintf(stderr, "faulty: %s\n", dlerror());
        abort();
    }
    found = symbol(handle, "fault_pkcs11_plan");
    memcpy(&set_plan, &found, sizeof set_plan);
    found = symbol(handle, "fault_pkcs11_calls");
    memcpy(&count_calls, &found, sizeof count_calls);
    found = symbol(handle, "fault_pkcs11_forget");
    memcpy(&forget, &found, sizeof forget);
}

void faulty_plan(const char *format, ...)
{
    char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t i = 0; i < base_count; i++)
        bases[i].calls = count_calls(bases[i].function);
    set_plan(text);
}

const char *faulty_module(void)
{
    static const char *const watched[] = {"C_Initialize", "C_Finalize", "C_Login",
        "C_OpenSession", "C_CloseSession", "C_DeriveKey", "C_GenerateKeyPair",
        "C_FindObjectsInit", "C_DestroyObject", "C_GetAttributeValue", "C_GenerateRandom",
        "C_GetTokenInfo", "C_Decrypt"};

    if (!set_plan)
        load();
    base_count = sizeof watched / sizeof watched[0];
    for (size_t i = 0; i < base_count; i++)
        snprintf(bases[i].function, sizeof bases[i].function, "%s", watched[i]);
    faulty_plan("%s", "");
    forget();
    return FAULT_PKCS11_SO;
}

void faulty_make(struct rig *rig)
{
    (void)faulty_module();
    rig_make(rig);
    rig_set(rig, "module=" FAULT_PKCS11_SO);
    rig_host(rig);
}

unsigned long faulty_calls(const char *function)
{
    for (size_t i = 0; i < base_count; i++) {
        if (strcmp(bases[i].function, function) == 0)
            return count_calls(function) - bases[i].calls;
    }
    fprintf(stderr, "faulty: %s is not watched\n", function);
    abort();
}
