/* Preloaded into a process, hides from it what its processor has beyond AVX2: AVX-512, VNNI, AMX, half precision.
 *
 * Linux on x86-64 can make CPUID trap (arch_prctl(2), ARCH_CPUID). The handler runs the instruction and clears the bits
 * before the program sees them, so every library chooses the code that it would run on a plain AVX2 machine. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012 /* asm/prctl.h */
#define BIT(n) (1u << (n))

static long let_cpuid(int run) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, run); }

static void on_trap(int number, siginfo_t *info, void *context) {
    greg_t *saved = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)saved[REG_RIP];
    if (code[0] != 0x0f || code[1] != 0xa2) { /* a real fault, not CPUID: let it end the process */
        signal(SIGSEGV, SIG_DFL);
        return;
    }
    unsigned leaf = saved[REG_RAX], part = saved[REG_RCX], a, b, c, d;
    let_cpuid(1);
    __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(part));
    let_cpuid(0);
    if (leaf == 7 && part == 0) {
        b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31)); /* AVX-512 */
        c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));                                 /* AVX-512, VNNI */
        d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));              /* AVX-512, AMX */
    } else if (leaf == 7 && part == 1) {
        a &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23)); /* AVX-VNNI, AVX-512 BF16, AMX-FP16, AVX-IFMA */
        d &= ~(BIT(4) | BIT(5) | BIT(10) | BIT(19)); /* AVX-VNNI-INT8, AVX-NE-CONVERT, AVX-VNNI-INT16, AVX10 */
    }
    saved[REG_RAX] = a, saved[REG_RBX] = b, saved[REG_RCX] = c, saved[REG_RDX] = d;
    saved[REG_RIP] += 2;
}

__attribute__((constructor)) static void hide(void) {
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    if (let_cpuid(0) != 0) {
        fputs("This processor or its hypervisor cannot hide what it has (no CPUID faulting).\n", stderr);
        _exit(3);
    }
}
