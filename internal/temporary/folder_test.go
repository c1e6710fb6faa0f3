package temporary

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestNewRemovesFoldersWithoutOwner(t *testing.T) {
	parent := t.TempDir()
	open := func() *Folder {
		f, err := New(parent, "work-*")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	living, dead := open(), open()
	if err := dead.Disown(); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(parent, "work-1.gone") // its removal was interrupted
	if err := os.MkdirAll(filepath.Join(half, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(parent, "work-of-somebody")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	interrupted := filepath.Join(parent, "work-12345") // between its making and its lock
	if err := os.Mkdir(interrupted, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{foreign, interrupted} {
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	last := open()
	for path, want := range map[string]bool{living.Path: true, dead.Path: false, half: false, foreign: true, interrupted: false, last.Path: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", path, err == nil, want)
		}
	}
	if err := living.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(living.Path); err == nil {
		t.Error("a removed folder is still there")
	}
}

func TestFolderIsPrivate(t *testing.T) {
	f, err := New(t.TempDir(), "work-*")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the mode is %v", info.Mode())
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
}

func TestFolderInNoFolder(t *testing.T) {
	if _, err := New(filepath.Join(t.TempDir(), "nosuch"), "work-*"); err == nil {
		t.Error("there is no error")
	}
}

func TestDiscard(t *testing.T) {
	f, err := New(t.TempDir(), "work-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"a folder", "no folder", "a half removed folder"} {
		if reason == "a half removed folder" {
			if err := os.MkdirAll(filepath.Join(f.Path+gone, "data"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := Discard(f.Path); err != nil {
			t.Errorf("%s: %v", reason, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(f.Path)); err != nil || len(left) > 0 {
		t.Errorf("left is %v: %v", left, err)
	}
}

func TestDiscardAllRemovesTheFoldersOfTheProcess(t *testing.T) {
	if parent := os.Getenv("TEMPORARY_TEST_PARENT"); parent != "" {
		for range 2 {
			if _, err := New(parent, "work-*"); err != nil {
				t.Fatal(err)
			}
		}
		DiscardAll()
		os.Exit(0)
	}
	parent := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "TEMPORARY_TEST_PARENT="+parent)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
