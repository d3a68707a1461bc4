/* What an error of a denial says: the rule and the way out, in the host's words. */

#include "network.h"

#include <errno.h>
#include <string.h>

char *__real_strerror(int number);
char *__wrap_strerror(int number);

char *
__wrap_strerror(int number)
{
    static char text[512];
    uint32_t len = ophidia_host_denied((uint32_t)number, address(text), sizeof text - 1);
    if (len == 0 || len >= sizeof text) {
        return __real_strerror(number);
    }
    text[len] = 0;
    return text;
}
