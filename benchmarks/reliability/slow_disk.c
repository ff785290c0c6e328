/* Loaded before libc: whoever asks whether something is on the disk waits SLOW_DISK_MS longer, as on an SD card. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int late(const char *name, int file)
{
	const char *ms = getenv("SLOW_DISK_MS");
	const long wait = ms ? atol(ms) : 0;
	const struct timespec pause = {wait / 1000, wait % 1000 * 1000000L};
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	nanosleep(&pause, NULL);
	return real(file);
}

int fsync(int file) { return late("fsync", file); }
int fdatasync(int file) { return late("fdatasync", file); }
