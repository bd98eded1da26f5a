#include "core/version.h"

const char *const kh_version = KEYHSM_VERSION;
