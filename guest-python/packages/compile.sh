# The compiler that the builds of packages call: `compile.sh COMPILER ARGUMENT…`.
#
# A link of an extension module leaves the names of its parts in place of the module: all modules are linked into
# the guest together. Libraries outside the build's folder are linked later. What only native compilers and linkers
# know is left out.
#
# PACKAGE_MODULES  a file with lines `MODULE OPTION`: what the objects of a module are compiled with besides, since
#                  two packages may each have a module of the same name
# PACKAGE_FIRST    words `OPTION=HEADER`: the header is read first where an option begins so
compiler=$1
shift
left=$# module= out= before= first=
while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    left=$((left - 1))
    case $argument in
        -shared) module=1; continue ;;
        -march=* | -mabi=*) continue ;;
        -I*/include/python3.[0-9]*) continue ;; # of the native Python, which runs the build
        -fPIC | -pthread | -Wl,--start-group | -Wl,--end-group | -Wl,--as-needed | -Wl,--no-undefined) continue ;;
        -Wl,--allow-shlib-undefined | -Wl,-O1 | -Wl,-soname* | -Wl,-rpath* | -Wl,--version-script*) continue ;;
    esac
    for word in $PACKAGE_FIRST; do
        case $argument in "${word%%=*}"*) first=${word#*=} ;; esac
    done
    [ "$before" = -o ] && out=$argument
    before=$argument
    set -- "$@" "$argument"
done
if [ -n "$module" ]; then
    for argument; do
        case $argument in
            "$out" | /*.a) ;;
            *.o | *.a) printf '%s\n' "$argument" ;;
        esac
    done >"$out"
    exit
fi
[ -n "$first" ] && set -- -include "$first" "$@"
case $out in
    *.so.p/*)
        if [ -f "$PACKAGE_MODULES" ]; then
            while read -r path option; do
                [ "$path" = "${out%%.p/*}" ] && set -- "$@" "$option"
            done <"$PACKAGE_MODULES"
        fi
        ;;
esac
# Options of the toolchain are not all for every call; some builds would make that an error.
exec "$compiler" "$@" -Wno-unused-command-line-argument
