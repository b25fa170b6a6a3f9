/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Registers of mcopy, a sample mediated device that copies. They are in region 0,
 * which is read and written, each register as a whole.
 *
 * The device has a buffer. A command fills it from memory at IOVA, or writes it
 * there, LENGTH bytes; or it pins the pages that hold these bytes, for the
 * commands after it. When memory that it has pinned is unmapped the device
 * unpins it.
 */
#ifndef MCOPY_H
#define MCOPY_H

#define MCOPY_IOVA	0x00	/* 64 bits */
#define MCOPY_LENGTH	0x08	/* 32 bits, as all that follow */
#define MCOPY_COMMAND	0x0c	/* writing it runs the command */
#define MCOPY_STATUS	0x10	/* of the last command: 0 or -errno; read only */
#define MCOPY_PINNED	0x14	/* how many pages are pinned; read only */
#define MCOPY_UNMAPS	0x18	/* how often unmap made it unpin; read only */
#define MCOPY_BUFFER	0x1000

#define MCOPY_BUFFER_SIZE	0x2000
#define MCOPY_REGION_SIZE	(MCOPY_BUFFER + MCOPY_BUFFER_SIZE)
#define MCOPY_MAX_PAGES		16

/* MCOPY_COMMAND */
#define MCOPY_FETCH		1	/* memory to buffer */
#define MCOPY_STORE		2	/* buffer to memory */
#define MCOPY_PIN		3	/* instead of what is pinned already */
#define MCOPY_UNPIN		4
#define MCOPY_FETCH_PINNED	5	/* the start of what is pinned to buffer */
#define MCOPY_STORE_PINNED	6	/* buffer to the start of what is pinned */
#define MCOPY_PIN_TO_READ	7	/* as PIN, but not to write there */
/* With one of them: have a kernel thread do it */
#define MCOPY_BY_THREAD		0x100

#endif
