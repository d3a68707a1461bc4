/* wasi-libc's view of the environment. */
void __wasilibc_deinitialize_environ(void);
void __wasilibc_ensure_environ(void);
