// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reading a BPF ring buffer, pull style and bounded.
 *
 * libbpf's reader calls back per record and goes on until the ring is empty, which under load is
 * never. This one copies whole records into the caller's buffer until that is full. Layout and
 * ordering: the kernel's Documentation/bpf/ringbuf.rst and kernel/bpf/ringbuf.c.
 */
#include "shim_deps.h"
#include <sys/mman.h>
#include <unistd.h>
#include "shim.h"

struct shim_ring {
	unsigned long *consumer; /* a page of its own, ours to write */
	const unsigned long *producer; /* a page, then the records, mapped twice in a row */
	const char *records;
	size_t size, page;
};

static int map_area(int map, size_t size, int protection, size_t offset, void **area)
{
	*area = mmap(NULL, size, protection, MAP_SHARED, map, (off_t)offset);
	return *area == MAP_FAILED ? -errno : 0;
}

int shim_ring_open(int map, uint32_t size, struct shim_ring **ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer, *producer;
	int err;

	err = map_area(map, page, PROT_READ | PROT_WRITE, 0, &consumer);
	if (err)
		return err;
	err = map_area(map, page + 2 * (size_t)size, PROT_READ, page, &producer);
	if (err) {
		munmap(consumer, page);
		return err;
	}
	*ring = calloc(1, sizeof(**ring));
	if (!*ring) {
		munmap(producer, page + 2 * (size_t)size);
		munmap(consumer, page);
		return -ENOMEM;
	}
	(*ring)->consumer = consumer;
	(*ring)->producer = producer;
	(*ring)->records = (const char *)producer + page;
	(*ring)->size = size;
	(*ring)->page = page;
	return 0;
}

struct cursor {
	char *out;
	size_t room, used;
	uint32_t record_size; /* 0: any, each behind its length and padded to 8 bytes */
	uint32_t needed; /* size of the record that did not fit or had the wrong size */
};

/* Copies one record. -EMSGSIZE: not of the promised size. -ENOSPC: no room left for it. */
static int copy_record(struct cursor *cursor, const char *data, uint32_t length)
{
	size_t step = cursor->record_size;
	uint64_t header = length;

	if (step && length != step) {
		cursor->needed = length;
		return -EMSGSIZE;
	}
	if (!step)
		step = sizeof(header) + (((size_t)length + 7) & ~(size_t)7);
	if (cursor->room - cursor->used < step) {
		cursor->needed = (uint32_t)step;
		return -ENOSPC;
	}
	if (!cursor->record_size) {
		memcpy(cursor->out + cursor->used, &header, sizeof(header));
		memcpy(cursor->out + cursor->used + sizeof(header), data, length);
	} else {
		memcpy(cursor->out + cursor->used, data, length);
	}
	cursor->used += step;
	return 0;
}

/* Reads until the ring is empty, a record is still being written, or the buffer is full. */
static int read_records(struct shim_ring *ring, struct cursor *cursor)
{
	unsigned long at = __atomic_load_n(ring->consumer, __ATOMIC_RELAXED);
	unsigned long end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	int err = 0;

	while (at < end) {
		const char *record = ring->records + (at & (ring->size - 1));
		uint32_t word = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint32_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (word & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(word & BPF_RINGBUF_DISCARD_BIT)) {
			err = copy_record(cursor, record + BPF_RINGBUF_HDR_SZ, length);
			/* The odd one out is told once what has been read is handed over. */
			if (err == -ENOSPC || (err && cursor->used))
				break;
		}
		at += ((unsigned long)length + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
		if (err)
			break;
	}
	__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
	return err;
}

/* Returns the bytes written to @out. -ENOSPC: the next record does not fit in an empty buffer, it
 * takes *@needed bytes. -EMSGSIZE: the next one had *@needed bytes and not @record_size; it is
 * skipped. One thread at a time, the caller sees to that.
 */
int64_t shim_ring_read(struct shim_ring *ring, void *out, size_t room, uint32_t record_size,
		       uint32_t *needed)
{
	struct cursor cursor = { .out = out, .room = room, .record_size = record_size };
	int err = read_records(ring, &cursor);

	*needed = cursor.needed;
	return err && !cursor.used ? err : (int64_t)cursor.used;
}

uint64_t shim_ring_pending(const struct shim_ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(ring->consumer, __ATOMIC_RELAXED);
}

void shim_ring_close(struct shim_ring *ring)
{
	munmap((void *)ring->producer, ring->page + 2 * ring->size);
	munmap(ring->consumer, ring->page);
	free(ring);
}
