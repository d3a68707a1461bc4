/* The status flags of floating-point arithmetic. WebAssembly has none: its operations raise nothing. numpy
   also raises some itself, where it finds a matrix singular or divides integers by zero, and reads them
   afterwards, so they are kept here. Rounding is to nearest, always. */

#include <fenv.h>

static int raised;

int
feraiseexcept(int flags)
{
    raised |= flags;
    return 0;
}

int
feclearexcept(int flags)
{
    raised &= ~flags;
    return 0;
}

int
fetestexcept(int flags)
{
    return raised & flags;
}

int
fegetround(void)
{
    return FE_TONEAREST;
}

int __fesetround(int mode);

int
__fesetround(int mode)
{
    return mode == FE_TONEAREST ? 0 : -1;
}

int
fegetenv(fenv_t *environment)
{
    environment->__cw = (unsigned long)raised;
    return 0;
}

int
fesetenv(const fenv_t *environment)
{
    raised = environment == FE_DFL_ENV ? 0 : (int)environment->__cw;
    return 0;
}
