package controlplane

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProgramThatDiesAtTheStartIsTold(t *testing.T) {
	for _, name := range []string{apiServerName, etcdName} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			failed := make(chan error, 1)
			go func() {
				_, err := Start(t.Context(), Options{Dir: parent})
				failed <- err
			}()
			kills := 0
			for {
				running, _ := filepath.Glob(filepath.Join(parent, folderPattern, lives(name)))
				for _, path := range running {
					if data, err := os.ReadFile(path); err == nil && len(data) > 0 {
						_ = exec.Command("kill", "-9", string(data)).Run()
						kills++
					}
				}
				select {
				case err := <-failed:
					if err == nil || !strings.Contains(err.Error(), "start the control plane: ") || kills == 0 {
						t.Errorf("after %d kills the error is %v", kills, err)
					}
					nothingLeft(t, parent)
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
}

func TestTakenPortsAreTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		why, said string
		want      bool
	}{
		{"another process was quicker", "start: exit\nError: listen tcp 127.0.0.1:1: bind: address already in use", true},
		{"a killed program would be killed again", "start: signal: killed", false},
		{"a machine that is too busy does not become less so", "timeout waiting for process etcd to start", false},
	} {
		if got := taken(errors.New(tt.said)); got != tt.want {
			t.Errorf("%s: taken is %t, want %t", tt.why, got, tt.want)
		}
	}
}
