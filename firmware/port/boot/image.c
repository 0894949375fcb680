// The boot stage as a part of the image that a programmer writes: vectors and code of stage.c.
__asm(".section .stage, \"a\"\n.incbin \"stage.bin\"\n");
