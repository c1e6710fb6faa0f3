package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"github.com/flux-rehearse/flux-rehearse/internal/temporary"
)

// What a folder of a Plane holds, beside certificates, data and logs.
const (
	folderPattern = "flux-rehearse-server-*"
	assetsFile    = "assets" // path of the folder with other programs than the linked ones
)

// folder is the private folder of one Plane. Its programs end when its owner is gone.
type folder struct {
	path string
	own  *temporary.Folder
}

// newFolder makes a folder that only this user can enter, with this executable
// under both program names, and removes the folders of owners that are gone.
func newFolder(parent, assets string) (*folder, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the running program: %w", err)
	}
	own, err := temporary.New(parent, folderPattern)
	if err != nil {
		return nil, err
	}
	f := &folder{path: own.Path, own: own}
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

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

func (f *folder) program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return f.file(name)
}

// disown tells the programs that run in the folder to end.
func (f *folder) disown() error { return f.own.Disown() }

func (f *folder) remove() error { return f.own.Remove() }

// ended waits until a program has ended, or has not even begun, but no longer
// than until late.
func (f *folder) ended(name string, late time.Time) bool {
	living := flock.New(f.file(alive(name)))
	defer living.Close()
	for {
		if ended, err := living.TryLock(); ended || err != nil {
			return true
		}
		if time.Now().After(late) {
			return false
		}
		time.Sleep(startPause)
	}
}

// kill ends a program that does not end by itself, as it was stopped for
// instance, with the program that it runs.
func (f *folder) kill(name string) bool {
	data, err := os.ReadFile(f.file(lives(name)))
	id, bad := strconv.Atoi(string(data))
	if err != nil || bad != nil || id < 2 {
		return false
	}
	killGroup(id)
	return f.ended(name, time.Now().Add(stopTimeout))
}

// alive is the file that a running program keeps locked.
func alive(name string) string { return name + ".alive" }

// lives is the file that tells that a program has locked its alive file. It
// holds the process id.
func lives(name string) string { return name + ".lives" }

// liveWithOwner locks the program's alive file and ends the process when the
// owner of the folder is gone. The API server also ends with etcd. So etcd ends
// last: it removes the folder when nobody writes to it any more.
func liveWithOwner(dir, name string) error {
	living := flock.New(filepath.Join(dir, alive(name)))
	if locked, err := living.TryLock(); err != nil || !locked {
		return fmt.Errorf("%s already runs in %q: %w", name, dir, err)
	}
	if err := os.WriteFile(filepath.Join(dir, lives(name)), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	end := func() {
		runtime.KeepAlive(living) // a collected lock is a released one
		endGroup()
	}
	if name == apiServerName {
		go func() {
			appears(filepath.Join(dir, lives(etcdName)))
			released(filepath.Join(dir, alive(etcdName)))
			end()
		}()
	}
	go func() {
		released(filepath.Join(dir, temporary.OwnerFile))
		if name == etcdName {
			released(filepath.Join(dir, alive(apiServerName)))
			_ = temporary.Discard(dir)
		}
		end()
	}()
	return nil
}

// released waits until nobody has locked a file.
func released(path string) {
	_ = flock.New(path).RLock()
}

// appears waits until there is a file.
func appears(path string) {
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(startPause)
	}
}

// abandoned reports whether a folder is the remains of a private folder.
func abandoned(dir string) bool {
	ours, err := filepath.Match(folderPattern, filepath.Base(dir))
	return ours && err == nil
}
