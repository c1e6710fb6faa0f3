// Package temporary makes private folders for the time that a process lives.
// What a killed process leaves behind, the next one removes.
package temporary

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// OwnerFile is the name of the file in a Folder that its owner keeps locked for
// as long as it lives. The system releases the locks of dead processes, so
// whoever gets the lock knows that the owner is gone.
const OwnerFile = "owner"

// Folder is a folder that only this user can enter.
type Folder struct {
	Path  string
	owner *flock.Flock
}

// living are the folders of this process that are there.
var living = struct {
	sync.Mutex
	folders map[string]*Folder
}{folders: map[string]*Folder{}}

func forget(path string) {
	living.Lock()
	defer living.Unlock()
	delete(living.folders, path)
}

// DiscardAll disowns and removes the folders of this process. It is for a
// process that ends at once: no further folder can be made.
func DiscardAll() {
	living.Lock() // for good
	for path, f := range living.folders {
		_ = f.Disown()
		_ = discard(path)
	}
}

// New makes a folder in parent, by default the system's folder for temporary
// files, with a random string in place of the * of pattern. It removes the
// folders of that pattern whose owners are gone.
func New(parent, pattern string) (*Folder, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent, pattern)
	const tries = 5 // another process may sweep a folder between its making and its locking
	for range tries {
		f, err := create(parent, pattern)
		if err != nil {
			return nil, fmt.Errorf("make a private folder: %w", err)
		}
		locked, err := f.owner.TryLock()
		if err == nil && locked {
			if _, err := os.Stat(f.owner.Path()); err == nil {
				return f, nil
			}
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.owner.Path(), err), f.Remove())
		}
		forget(f.Path)
	}
	return nil, fmt.Errorf("make a private folder in %q: another process keeps removing it", parent)
}

func create(parent, pattern string) (*Folder, error) {
	living.Lock()
	defer living.Unlock()
	path, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return nil, err
	}
	f := &Folder{Path: path, owner: flock.New(filepath.Join(path, OwnerFile))}
	living.folders[path] = f
	return f, nil
}

// Disown tells whoever waits for the lock that the owner is gone.
func (f *Folder) Disown() error { return f.owner.Unlock() }

// Remove disowns the folder and removes it.
func (f *Folder) Remove() error {
	defer forget(f.Path)
	return errors.Join(f.Disown(), os.RemoveAll(f.Path))
}

// gone ends the names of folders that are being removed.
const gone = ".gone"

// Discard removes the folder of an owner that is gone, though programs may
// still write to it: under another name they do not find it. It also ends a
// removal that another process has begun.
func Discard(path string) error {
	defer forget(path)
	return discard(path)
}

// discard tries again where a program makes the folder anew in the meantime, or
// writes to it while it is removed.
func discard(path string) error {
	const tries = 5
	var err error
	for range tries {
		if err = os.Rename(path, path+gone); err == nil {
			err = os.RemoveAll(path + gone)
		} else {
			err = errors.Join(os.RemoveAll(path), os.RemoveAll(path+gone))
		}
		_, missing := os.Lstat(path)
		_, over := os.Lstat(path + gone)
		if missing != nil && over != nil {
			break
		}
	}
	return err
}

// ownerless is after what time a folder without an OwnerFile is one whose
// removal, or making, was interrupted.
const ownerless = 10 * time.Minute

func sweep(parent, pattern string) {
	stale, _ := filepath.Glob(filepath.Join(parent, pattern))
	for _, path := range stale {
		if strings.HasSuffix(path, gone) {
			_ = os.RemoveAll(path)
			continue
		}
		owner := filepath.Join(path, OwnerFile)
		if info, err := os.Lstat(owner); err != nil || !info.Mode().IsRegular() {
			if old(path) && own(path) {
				_ = Discard(path)
			}
			continue
		}
		lock := flock.New(owner)
		if locked, err := lock.TryLock(); err == nil && locked {
			_ = Discard(path)
			_ = lock.Unlock()
		}
	}
}

func old(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir() && time.Since(info.ModTime()) > ownerless
}

// own reports whether the name of a folder ends as those that New makes.
func own(path string) bool {
	name := filepath.Base(path)
	_, err := strconv.ParseUint(name[strings.LastIndex(name, "-")+1:], 10, 64)
	return err == nil
}
