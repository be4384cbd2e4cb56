// clock.c: a wall clock that is ahead by $SKEW_MS milliseconds, for a program that asks
// the C library for the time. What counts time without a date is as ever.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ahead;

__attribute__((constructor)) static void read_skew(void) {
	const char *ms = getenv("SKEW_MS");
	ahead = ms ? atol(ms) : 0;
}

int clock_gettime(clockid_t id, struct timespec *t) {
	int failed = syscall(SYS_clock_gettime, id, t);
	if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		t->tv_sec += ahead / 1000;
		t->tv_nsec += ahead % 1000 * 1000000;
		if (t->tv_nsec >= 1000000000) {
			t->tv_sec++;
			t->tv_nsec -= 1000000000;
		}
	}
	return failed;
}

int gettimeofday(struct timeval *restrict v, void *restrict zone) {
	struct timespec t;
	int failed = clock_gettime(CLOCK_REALTIME, &t);
	v->tv_sec = t.tv_sec;
	v->tv_usec = t.tv_nsec / 1000;
	return failed;
}

time_t time(time_t *to) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (to) *to = t.tv_sec;
	return t.tv_sec;
}
