package temporary

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Before main begins, envtest makes a folder in the user's cache, where it
// notes the ports it has used, and panics where it cannot. This package is
// initialised before envtest, as its import path comes first, and has it take a
// private folder.
func init() {
	program := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	switch {
	case strings.HasSuffix(program, ".test"):
		return
	case program == "etcd" || program == "kube-apiserver":
		inherit(filepath.Dir(os.Args[0]))
		return
	}
	listen()
	f, err := New("", "flux-rehearse-cache-*")
	if err == nil {
		cache.set(f.Path)
		return
	}
	if dir, bad := os.UserCacheDir(); bad != nil || os.MkdirAll(dir, 0o750) != nil {
		fmt.Fprintf(os.Stderr, "flux-rehearse: %v: set TMPDIR to a folder that can be written to\n", err)
		os.Exit(3)
	}
}

// inherit has a program that runs in a Folder take that. It ends the program when
// the folder is gone, and makes no path anew that is being removed.
func inherit(dir string) {
	if !isFile(filepath.Join(dir, OwnerFile)) {
		if strings.HasPrefix(filepath.Base(dir), "flux-rehearse-") {
			os.Exit(1)
		}
		return
	}
	if open, err := os.Open(dir); err == nil && runtime.GOOS == "linux" {
		held = open
		dir = fmt.Sprintf("/proc/self/fd/%d", open.Fd())
		folder.set(dir)
		cache.set(dir)
	}
}

// held keeps the folder of inherit open.
var held *os.File

// folder is the variable that names the folder for temporary files.
var folder = variable{name: "TMPDIR"}

// cache is the variable that names the folder of the user's cache.
var cache = variable{name: "XDG_CACHE_HOME"}

// RestoreCache has the environment name the user's folders again.
func RestoreCache() {
	cache.restore()
	folder.restore()
	if held != nil {
		_ = held.Close()
	}
}

// variable is a variable of the environment that has another value for a while.
type variable struct {
	name, before string
	had, changed bool
}

func (v *variable) set(value string) {
	v.before, v.had = os.LookupEnv(v.name)
	v.changed = os.Setenv(v.name, value) == nil
}

func (v *variable) restore() {
	switch {
	case !v.changed:
	case v.had:
		_ = os.Setenv(v.name, v.before)
	default:
		_ = os.Unsetenv(v.name)
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
