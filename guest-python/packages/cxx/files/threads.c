/* CPython's own stubs of pthreads define most of what libc++ calls; this is the rest, or libc's object with the same
   names would be drawn in as well. */
int
pthread_cond_broadcast(void *condition)
{
    (void)condition;
    return 0;
}
