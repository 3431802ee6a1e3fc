#!/bin/sh
# test_sets.sh MIDL KERNELS - what is compiled for an instruction set holds no stronger set's registers,
# whatever CFLAGS say. KERNELS: the build folder with libmidl_SET.a.
set -u
folder=$2
faults=0

if ! command -v objdump >/dev/null || [ ! -e "$folder/libmidl_avx2.a" ]; then
    echo "skipped: no objdump, or no sets of x86-64"
    exit 77
fi
# registers SET: the vector registers that its code names.
registers() {
    objdump -d "$folder/libmidl_$1.a" | grep -o -E '%[xyz]mm' | sort -u | tr '\n' ' '
}
# expect SET REGISTERS
expect() {
    got=$(registers "$1")
    [ "$got" = "$2" ] && return
    echo "FAULT: $1 uses '$got', expected '$2'"
    faults=$((faults + 1))
}

if [ -z "$(registers portable)" ]; then
    echo "skipped: objects without machine code (link-time optimisation)"
    exit 77
fi
expect generic "%xmm "
expect portable "%xmm "
expect core "%xmm "
expect avx2 "%xmm %ymm "
registers avx512 | grep -q '%zmm' || expect avx512 "%xmm %ymm %zmm "
echo "$faults faults"
[ $faults -eq 0 ]
