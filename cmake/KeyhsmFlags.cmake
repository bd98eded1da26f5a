# Warnings, hardening and sanitizers, applied to every target of the project.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

add_compile_definitions(_GNU_SOURCE OPENSSL_NO_DEPRECATED OPENSSL_API_COMPAT=30000)
add_compile_options(
  -Wall -Wextra -Wshadow -Wcast-qual -Wwrite-strings -Wmissing-prototypes -Wstrict-prototypes
  -Wpointer-arith -Wvla -Wformat=2 -Wundef -Wimplicit-fallthrough -Wold-style-definition)
if(KEYHSM_WERROR)
  add_compile_options(-Werror)
endif()

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
add_compile_options(-fstack-protector-strong -fno-omit-frame-pointer)
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)

# What is installed does not tell where it was built: two builds, the same bytes.
add_compile_options("$<$<CONFIG:Release>:-ffile-prefix-map=${PROJECT_SOURCE_DIR}=keyhsm>")

if(KEYHSM_SANITIZE)
  add_compile_options(-fsanitize=${KEYHSM_SANITIZE} -fno-sanitize-recover=all -g)
  add_link_options(-fsanitize=${KEYHSM_SANITIZE})
else()
  # FORTIFY needs optimisation and gets in a sanitizer's way.
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()
