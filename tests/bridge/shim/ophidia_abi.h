/* The agreement with this machine's numbers for the families of addresses. */
#include_next <ophidia_abi.h>

#include <sys/socket.h>

#undef OPHIDIA_FAMILY_V4
#undef OPHIDIA_FAMILY_V6
#define OPHIDIA_FAMILY_V4 AF_INET
#define OPHIDIA_FAMILY_V6 AF_INET6
