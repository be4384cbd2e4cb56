// process_linux.go: how a child is tied to us, and what the kernel knows of it.

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime is what a process and its children (nginx's workers) have used, user
// and system, all threads, in nanoseconds: /proc/PID/stat counts in ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	sum, err := processClock(pid)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, fmt.Errorf("looking for child processes: %w", err)
	}
	for field := range strings.FieldsSeq(string(text)) {
		worker, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		used, err := processClock(worker)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// processClock reads the CPU clock of another process: clock_getcpuclockid(3)
// computes its id as below.
func processClock(pid int) (time.Duration, error) {
	const clockSched = 2
	var ts syscall.Timespec
	id := uintptr(^pid<<3 | clockSched)
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("reading the CPU clock of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}

// peakMemory is the greatest resident size of a process so far, in MiB.
func peakMemory(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// loadAverage is the first number of /proc/loadavg.
func loadAverage() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}
