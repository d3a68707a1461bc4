/* The processor's time. WASI has none, so what has passed since the interpreter's start stands for it, as in the C
   library. That counts from a moment which it notes when the process starts, and the snapshot would keep; the
   host's monotonic clock reads zero when an interpreter starts. */

#define _WASI_EMULATED_PROCESS_CLOCKS /* else the headers refuse to be included */

#include <sys/times.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

clock_t
clock(void)
{
    __wasi_timestamp_t now; /* in nanoseconds; there are as many CLOCKS_PER_SEC */
    return __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &now) == 0 ? (clock_t)now : (clock_t)-1;
}

/* In ticks of sysconf(_SC_CLK_TCK), as its readers expect; the C library's gives nanoseconds. */
clock_t
times(struct tms *buffer)
{
    clock_t ticks = clock() / (CLOCKS_PER_SEC / sysconf(_SC_CLK_TCK));
    *buffer = (struct tms){.tms_utime = ticks};
    return ticks;
}
