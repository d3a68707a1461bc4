/* What crosses the wall about addresses. */
#ifndef OPHIDIA_NETWORK_H
#define OPHIDIA_NETWORK_H

#include "bridge.h"

struct record {
    uint8_t family, zero;
    uint16_t port;
    uint32_t scope;
    uint8_t bytes[16];
};

_Static_assert(sizeof(struct record) == OPHIDIA_ADDRESS, "layout differs from the host's");

static inline uint32_t
address(const void *place)
{
    return (uint32_t)(uintptr_t)place;
}

#endif
