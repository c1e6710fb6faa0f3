package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is sampled this often, and less where it takes long: the kernel counts the
// pages of a process one by one, and holds it up meanwhile.
const (
	interval = 100 * time.Millisecond
	seldom   = 30 // of the time, at most one part goes into samples
)

// memory is in bytes.
type memory struct {
	all     int64
	servers int64 // of the control planes
}

// watch samples the memory of a process and of all below it until the
// returned function is called, which gives the peaks. They are 0 where there
// is no /proc.
func watch(pid int) func() memory {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var peak memory
	wg.Add(1)
	go func() {
		defer wg.Done()
		pause := interval
		for {
			select {
			case <-done:
				return
			case <-time.After(pause):
				start := time.Now()
				now := resident(pid)
				peak.all, peak.servers = max(peak.all, now.all), max(peak.servers, now.servers)
				pause = max(interval, seldom*time.Since(start))
			}
		}
	}()
	return func() memory {
		close(done)
		wg.Wait()
		return peak
	}
}

// resident adds up the memory of a process and its descendants; pages that
// several of them share count once.
func resident(root int) memory {
	parents, server := map[int]int{}, map[int]bool{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		data, err := os.ReadFile(filepath.Join(d, "stat"))
		if err != nil {
			continue
		}
		// The name stands in parentheses and may hold anything.
		name, after, _ := cutLast(string(data), ")")
		rest := strings.Fields(after)
		server[pid] = strings.HasSuffix(name, "(etcd") || strings.HasSuffix(name, "(kube-apiserver")
		if len(rest) > 1 {
			parents[pid], _ = strconv.Atoi(rest[1])
		}
	}
	var total memory
	for pid := range parents {
		for p := pid; p > 1; p = parents[p] {
			if p == root {
				n := share(pid)
				if total.all += n; server[pid] {
					total.servers += n
				}
				break
			}
		}
	}
	return total
}

// cutLast splits a text at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// share is the memory of a process in bytes, its part of shared pages included.
func share(pid int) int64 {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kilobytes, _ := strconv.ParseInt(f[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
