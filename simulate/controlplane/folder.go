package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

// What a folder of a Plane holds, beside certificates, data and logs.
const (
	folderPattern = "flux-rehearse-server-*"
	ownerFile     = "owner"  // locked by the process that owns the plane, for as long as it lives
	assetsFile    = "assets" // path of the folder with other programs than the linked ones
)

// folder is the private folder of one Plane. Whoever gets the lock of its owner
// file knows that the owner is gone: the system releases locks of dead processes.
type folder struct {
	path  string
	owner *flock.Flock
}

// newFolder makes a folder that only this user can enter, with this executable
// under both program names, and removes the folders of owners that are gone.
func newFolder(parent, assets string) (*folder, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent)
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the running program: %w", err)
	}
	f, err := lockedFolder(parent)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{etcdName, apiServerName} {
		if err := os.Symlink(self, f.program(name)); err != nil {
			return nil, errors.Join(fmt.Errorf("link %s: %w", name, err), f.remove())
		}
	}
	if assets != "" {
		if err := os.WriteFile(f.file(assetsFile), []byte(assets), 0o600); err != nil {
			return nil, errors.Join(err, f.remove())
		}
	}
	return f, nil
}

func lockedFolder(parent string) (*folder, error) {
	const tries = 5 // another process may sweep a folder between its making and its locking
	for range tries {
		path, err := os.MkdirTemp(parent, folderPattern)
		if err != nil {
			return nil, fmt.Errorf("make a private folder: %w", err)
		}
		f := &folder{path: path, owner: flock.New(filepath.Join(path, ownerFile))}
		locked, err := f.owner.TryLock()
		if err == nil && locked {
			if _, err := os.Stat(f.owner.Path()); err == nil {
				return f, nil
			}
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.owner.Path(), err), f.remove())
		}
	}
	return nil, fmt.Errorf("make a private folder in %q: another process keeps removing it", parent)
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

func (f *folder) program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return f.file(name)
}

// disown tells the programs that run in the folder to end.
func (f *folder) disown() error { return f.owner.Unlock() }

func (f *folder) remove() error { return errors.Join(f.disown(), os.RemoveAll(f.path)) }

// sweep removes the folders in parent whose owners are gone.
func sweep(parent string) {
	stale, _ := filepath.Glob(filepath.Join(parent, folderPattern))
	for _, path := range stale {
		owner := filepath.Join(path, ownerFile)
		if info, err := os.Lstat(owner); err != nil || !info.Mode().IsRegular() {
			continue
		}
		lock := flock.New(owner)
		if locked, err := lock.TryLock(); err == nil && locked {
			_ = os.RemoveAll(path)
			_ = lock.Unlock()
		}
	}
}

// alive is the file that a running program keeps locked.
func alive(name string) string { return name + ".alive" }

// liveWithOwner locks the program's alive file and ends the process when the
// owner of the folder is gone.
func liveWithOwner(dir, name string) error {
	living := flock.New(filepath.Join(dir, alive(name)))
	if locked, err := living.TryLock(); err != nil || !locked {
		return fmt.Errorf("%s already runs in %q: %w", name, dir, err)
	}
	go func() {
		_ = flock.New(filepath.Join(dir, ownerFile), flock.SetFlag(os.O_RDONLY)).RLock()
		const tries = 3 // the other program may still be writing
		for range tries {
			if os.RemoveAll(dir) == nil {
				break
			}
		}
		runtime.KeepAlive(living) // a collected lock is a released one
		endGroup()
	}()
	return nil
}
