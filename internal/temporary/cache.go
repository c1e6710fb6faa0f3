package temporary

import (
	"fmt"
	"os"
	"path/filepath"
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
	case isFile(filepath.Join(filepath.Dir(os.Args[0]), OwnerFile)): // etcd or the API server
		cache.set(filepath.Dir(os.Args[0]))
		return
	}
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

// cache is the variable that names the folder of the user's cache.
var cache = variable{name: "XDG_CACHE_HOME"}

// RestoreCache has the environment name the user's cache again.
func RestoreCache() { cache.restore() }

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
