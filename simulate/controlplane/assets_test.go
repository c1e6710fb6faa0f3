package controlplane

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAssetsWithoutPrograms(t *testing.T) {
	_, err := Start(t.Context(), Options{Assets: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), `holds no program "etcd"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestProgramsOfAssetsEndWithThePlane(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The programs of the folder know nothing of owners: no owner file is next to them.
	assets, parent := t.TempDir(), t.TempDir()
	for _, name := range []string{etcdName, apiServerName} {
		if err := os.Symlink(self, filepath.Join(assets, name)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Start(t.Context(), Options{Assets: assets, Dir: parent})
	if err != nil {
		t.Fatal(err)
	}
	if p.Version().Embedded {
		t.Error("the version is said to be the embedded one")
	}
	if running := processes(t, assets); len(running) != 2 {
		t.Errorf("processes of the folder are %q, want two", running)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, parent)
	if left := processes(t, assets); len(left) > 0 {
		t.Errorf("processes of the folder are left: %q", left)
	}
}

func TestAssetsThatCannotBeRun(t *testing.T) {
	assets := t.TempDir()
	for _, name := range []string{etcdName, apiServerName} {
		if err := os.WriteFile(filepath.Join(assets, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Start(t.Context(), Options{Assets: assets, Dir: t.TempDir()})
	if err == nil || !strings.HasSuffix(err.Error(), "cannot be run: make it executable with chmod +x") {
		t.Errorf("the error is %v", err)
	}
}

func TestExplain(t *testing.T) {
	for _, row := range []struct{ reason, err, logs, want string }{
		{"a full disk is told by etcd", "start", "panic: write: no space left on device", "start: free some space"},
		{"a taken port is told by the API server", "start", "listen tcp 127.0.0.1:1: bind: address already in use", "start: another program took the port"},
		{"a killed program had no memory", "start: signal: killed", "", "start: signal: killed: give the control plane at least 1 GB"},
		{"etcd wants more files", "start", "file descriptor limit of etcd process is too low", "start: raise the limit of open files"},
		{"no file may be that long", "start", "panic: failed to create WAL", "start: the folder for temporary files must take files of some megabytes"},
		{"addresses are short, not memory", "start", "mmap failed, size: 10737418240, error: cannot allocate memory", "start: the control plane reserves 10 GB of addresses"},
		{"envtest finds no port", "no free ports found after 100 retries", "", "no free ports found after 100 retries: the control plane needs four free ports"},
		{"a program that does not come up", "timeout waiting for process etcd to start", "", "timeout waiting for process etcd to start: the machine has too much to do"},
		{"what is not known is kept", "start: odd", "all is well", "start: odd\nall is well"},
	} {
		if got := explain(errors.New(row.err), row.logs).Error(); !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: the error is %q, want %q", row.reason, got, row.want)
		}
	}
}

func TestLongPathOfTheFolder(t *testing.T) {
	// No system takes a socket of this length.
	parent := filepath.Join(t.TempDir(), strings.Repeat("deep", 30))
	if err := os.Mkdir(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), Options{Dir: parent})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, parent)
}
