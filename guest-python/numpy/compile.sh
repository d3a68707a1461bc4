# The compiler that the builds of numpy and OpenBLAS call: `compile.sh COMPILER ARGUMENT…`.
#
# A link of an extension module leaves the names of its parts in place of the module: all modules are
# linked into the guest together. What only native compilers and linkers know is left out. The first version of
# numpy.random's distributions is compiled with names of its own, or the linker would silently take one of
# two functions of the same name and another signature.
compiler=$1
shift
left=$# module= legacy= out= before=
while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    left=$((left - 1))
    case $argument in
        -shared) module=1; continue ;;
        -march=* | -mabi=*) continue ;;
        -fPIC | -pthread | -Wl,--start-group | -Wl,--end-group | -Wl,--as-needed | -Wl,--no-undefined) continue ;;
        -Wl,--allow-shlib-undefined | -Wl,-O1 | -Wl,-soname* | -Wl,-rpath*) continue ;;
        -DNP_RANDOM_LEGACY*) legacy=1 ;;
    esac
    [ "$before" = -o ] && out=$argument
    before=$argument
    set -- "$@" "$argument"
done
if [ -n "$module" ]; then
    for argument; do
        case $argument in
            "$out" | */libopenblas.a) ;;
            *.o | *.a) printf '%s\n' "$argument" ;;
        esac
    done >"$out"
    exit
fi
[ -n "$legacy" ] && set -- -include "$NUMPY_LEGACY" "$@"
# Options of the toolchain are not all for every call; numpy's build would make that an error.
exec "$compiler" "$@" -Wno-unused-command-line-argument
