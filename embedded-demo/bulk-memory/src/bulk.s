@ r0 destination, r1 source, r2 length. Both memcpy and memmove answer r0; the others need not.
@ Pairs of a load and a store from the low end up: also right where the destination lies lower.
.syntax unified
.thumb

.section .text.memcpy, "ax", %progbits
.global memcpy, __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8
.type memcpy, %function
.type __aeabi_memcpy, %function
.type __aeabi_memcpy4, %function
.type __aeabi_memcpy8, %function
.balign 4
.thumb_func
__aeabi_memcpy8:
.thumb_func
__aeabi_memcpy4:
.thumb_func
__aeabi_memcpy:
.thumb_func
memcpy:
    mov r12, r0
    subs r2, #16
    blo 2f
1:  ldr r3, [r1], #4
    str r3, [r12], #4
    ldr r3, [r1], #4
    str r3, [r12], #4
    ldr r3, [r1], #4
    str r3, [r12], #4
    ldr r3, [r1], #4
    str r3, [r12], #4
    subs r2, #16
    bhs 1b
2:  adds r2, #12
    bmi 4f
3:  ldr r3, [r1], #4
    str r3, [r12], #4
    subs r2, #4
    bpl 3b
4:  adds r2, #4
    beq 6f
5:  ldrb r3, [r1], #1
    strb r3, [r12], #1
    subs r2, #1
    bne 5b
6:  bx lr
.size memcpy, . - memcpy

.section .text.memmove, "ax", %progbits
.global memmove, __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8
.type memmove, %function
.type __aeabi_memmove, %function
.type __aeabi_memmove4, %function
.type __aeabi_memmove8, %function
.balign 4
.thumb_func
__aeabi_memmove8:
.thumb_func
__aeabi_memmove4:
.thumb_func
__aeabi_memmove:
.thumb_func
memmove:
    subs r3, r0, r1
    cmp r3, r2
    bhs.w memcpy
    @ The destination lies higher, within the source: from the high end down.
    add r1, r2
    add r12, r0, r2
    subs r2, #4
    blo 2f
1:  ldr r3, [r1, #-4]!
    str r3, [r12, #-4]!
    subs r2, #4
    bhs 1b
2:  adds r2, #4
    beq 4f
3:  ldrb r3, [r1, #-1]!
    strb r3, [r12, #-1]!
    subs r2, #1
    bne 3b
4:  bx lr
.size memmove, . - memmove

@ The run-time interface of the processor has the value last, the older function in the middle.
.section .text.memset, "ax", %progbits
.global memset, __aeabi_memset, __aeabi_memset4, __aeabi_memset8
.global __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8
.type memset, %function
.type __aeabi_memset, %function
.type __aeabi_memset4, %function
.type __aeabi_memset8, %function
.type __aeabi_memclr, %function
.type __aeabi_memclr4, %function
.type __aeabi_memclr8, %function
.balign 4
.thumb_func
memset:
    mov r3, r1
    mov r1, r2
    mov r2, r3
.thumb_func
__aeabi_memset8:
.thumb_func
__aeabi_memset4:
.thumb_func
__aeabi_memset:
    uxtb r2, r2
    orr r2, r2, r2, lsl #8
    orr r2, r2, r2, lsl #16
    b 1f
.thumb_func
__aeabi_memclr8:
.thumb_func
__aeabi_memclr4:
.thumb_func
__aeabi_memclr:
    movs r2, #0
1:  mov r12, r0
    subs r1, #16
    blo 3f
2:  str r2, [r12], #4
    str r2, [r12], #4
    str r2, [r12], #4
    str r2, [r12], #4
    subs r1, #16
    bhs 2b
3:  adds r1, #12
    bmi 5f
4:  str r2, [r12], #4
    subs r1, #4
    bpl 4b
5:  adds r1, #4
    beq 7f
6:  strb r2, [r12], #1
    subs r1, #1
    bne 6b
7:  bx lr
.size memset, . - memset
