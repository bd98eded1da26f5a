# The status page as one C file: style and script go into the HTML, and their SHA-256 into the policy.
#
#   cmake -DSOURCE=server/page -DOUT=page_data.c -P EmbedPage.cmake
cmake_minimum_required(VERSION 3.25)

# The SHA-256 of TEXT as a Content-Security-Policy writes it: 'sha256-BASE64'.
function(policy_hash out text)
  set(digits "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  string(SHA256 hex "${text}")
  set(coded "")
  # 3 bytes are 6 hexadecimal digits are 4 digits of base64; of 32 bytes two are left over.
  foreach(at RANGE 0 59 6)
    string(SUBSTRING "${hex}" ${at} 6 part)
    math(EXPR number "0x${part}")
    foreach(shift 18 12 6 0)
      math(EXPR index "(${number} >> ${shift}) & 63")
      string(SUBSTRING "${digits}" ${index} 1 digit)
      string(APPEND coded "${digit}")
    endforeach()
  endforeach()
  string(SUBSTRING "${hex}" 60 4 part)
  math(EXPR number "0x${part} << 2")
  foreach(shift 12 6 0)
    math(EXPR index "(${number} >> ${shift}) & 63")
    string(SUBSTRING "${digits}" ${index} 1 digit)
    string(APPEND coded "${digit}")
  endforeach()
  set(${out} "'sha256-${coded}='" PARENT_SCOPE)
endfunction()

# TEXT as a C array NAME with a NUL.
function(c_array out name text)
  file(WRITE "${OUT}.part" "${text}")
  file(READ "${OUT}.part" hex HEX)
  file(REMOVE "${OUT}.part")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REPEAT "." 80 line)
  string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
  set(${out} "const char ${name}[] = {\n${bytes}0};\n" PARENT_SCOPE)
endfunction()

file(READ "${SOURCE}/style.css" style)
file(READ "${SOURCE}/script.js" script)
file(READ "${SOURCE}/page.html" page)
file(READ "${SOURCE}/refused.html" refused)
file(READ "${SOURCE}/refused_401.html" text401)
file(READ "${SOURCE}/refused_403.html" text403)

policy_hash(style_hash "${style}")
policy_hash(script_hash "${script}")
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
string(REPLACE "@STYLE@" "${style}" refused "${refused}")
string(REPLACE "@TEXT@" "${text401}" page401 "${refused}")
string(REPLACE "@TEXT@" "${text403}" page403 "${refused}")
set(common "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")

c_array(page_c kh_page_html "${page}")
c_array(page401_c kh_page_401 "${page401}")
c_array(page403_c kh_page_403 "${page403}")
file(WRITE "${OUT}" "/* Made by cmake/EmbedPage.cmake from server/page. */
#include \"server/page_data.h\"

const char kh_page_policy[] =
    \"default-src 'none'; script-src ${script_hash}; style-src ${style_hash}; connect-src 'self'; \"
    \"img-src data:; require-trusted-types-for 'script'; trusted-types 'none'; ${common}\";
const char kh_page_refusal_policy[] =
    \"default-src 'none'; style-src ${style_hash}; img-src data:; ${common}\";
${page_c}const size_t kh_page_html_len = sizeof kh_page_html - 1;
${page401_c}${page403_c}")
