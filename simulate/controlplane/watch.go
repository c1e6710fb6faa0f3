package controlplane

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

// watch notes when a program ends: it holds the lock of its alive file until then.
func (p *Plane) watch(name string) {
	living := flock.New(p.folder.file(alive(name)))
	go func() {
		_ = living.RLock()
		_ = living.Close()
		p.end(fmt.Errorf("%s has ended in the middle of its work", name))
	}()
}

// end declares the plane lost for a reason, if it is not lost or stopped already.
func (p *Plane) end(why error) {
	p.lose.Do(func() {
		if full(p.folder.path) {
			why = fmt.Errorf("%w: %w", why, syscall.ENOSPC)
		}
		p.died = explain(why, p.Logs())
		close(p.done)
	})
}

func (p *Plane) logFile(name string) string { return p.folder.file(name + ".log") }

// Logs returns the last lines of both programs' logs, for error messages. After
// Stop there are none.
func (p *Plane) Logs() string {
	var b strings.Builder
	for _, name := range []string{etcdName, apiServerName} {
		if tail := tailOf(p.logFile(name)); tail != "" {
			fmt.Fprintf(&b, "last lines of %s:\n%s\n", name, tail)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// tailOf returns the last lines of a log before the trace of a crash, or
// nothing when it cannot be read.
func tailOf(path string) string {
	const size, lines, width = 64 << 10, 12, 400
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > size {
		if _, err := file.Seek(-size, io.SeekEnd); err != nil {
			return ""
		}
	}
	data, err := io.ReadAll(io.LimitReader(file, size))
	if err != nil {
		return ""
	}
	data, _, _ = bytes.Cut(data, []byte("\ngoroutine "))
	all := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	for i, line := range all {
		if len(line) > width {
			all[i] = append(bytes.ToValidUTF8(line[:width:width], nil), " …"...)
		}
	}
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return string(bytes.Join(all, []byte("\n")))
}

// portTaken is what programs say of a port that another program has.
const portTaken = "address already in use"

// causes maps what programs say when the machine lacks something to what the
// user can do about it.
var causes = []struct{ text, hint string }{
	{"no space left on device", "free some space in the folder for temporary files, or set TMPDIR to another one"},
	{"mmap failed", "the control plane reserves 10 GB of addresses, which take no memory: raise the limit with ulimit -v"},
	{"cannot allocate memory", "give the control plane at least 1 GB of memory"},
	{"out of memory", "give the control plane at least 1 GB of memory"},
	{"signal: killed", "give the control plane at least 1 GB of memory"},
	{"too many open files", "raise the limit of open files: ulimit -n 4096"},
	{"file descriptor limit", "raise the limit of open files: ulimit -n 4096"},
	{"failed to create WAL", "the folder for temporary files must take files of some megabytes: raise the limit with ulimit -f, or set TMPDIR to another one"},
	{"no free ports", "the control plane needs four free ports of the loopback interface: end other programs, or widen net.ipv4.ip_local_port_range"},
	{portTaken, "another program took the port in the meantime: start again"},
	{"cannot assign requested address", "the control plane needs a loopback interface with the address 127.0.0.1"},
	{"permission denied", "the folder for temporary files must let this user make files and run programs: set TMPDIR to another one"},
	{" to start\n", "the machine has too much to do, or something holds the program back: start again later"},
	{"read-only file system", "set TMPDIR to a folder that can be written to"},
}

// explain adds what to do, when the error or the logs tell what is missing,
// and the logs.
func explain(err error, logs string) error {
	if err == nil || errors.Is(err, syscall.EINTR) {
		return err
	}
	said := err.Error() + "\n" + logs
	for _, c := range causes {
		if strings.Contains(said, c.text) {
			err = fmt.Errorf("%w: %s", err, c.hint)
			break
		}
	}
	if logs != "" {
		err = fmt.Errorf("%w\n%s", err, logs)
	}
	return err
}
