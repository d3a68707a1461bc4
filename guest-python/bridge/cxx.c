/* C++ in the guest has no exceptions: WebAssembly's would make every instance carry a second heap. numpy
   throws where memory is refused, which two of its patches find out beforehand, and where its own code is
   wrong; that ends the instance. */

#include <stdlib.h>

void *__cxa_allocate_exception(size_t size);
void __cxa_free_exception(void *exception);
void __cxa_throw(void *exception, void *type, void (*destroy)(void *));
void *__cxa_begin_catch(void *exception);
void __cxa_end_catch(void);
void __cxa_rethrow(void);

void *
__cxa_allocate_exception(size_t size)
{
    (void)size;
    abort();
}

void
__cxa_free_exception(void *exception)
{
    (void)exception;
}

void
__cxa_throw(void *exception, void *type, void (*destroy)(void *))
{
    (void)exception;
    (void)type;
    (void)destroy;
    abort();
}

void *
__cxa_begin_catch(void *exception)
{
    (void)exception;
    abort();
}

void
__cxa_end_catch(void)
{
    abort();
}

void
__cxa_rethrow(void)
{
    abort();
}
