package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	_ "time/tzdata" // time zones of CronJobs are validated without a zone database on the machine

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"

	"github.com/flux-rehearse/flux-rehearse/internal/temporary"
)

// The names under which this executable is another program.
const (
	etcdName      = "etcd"
	apiServerName = "kube-apiserver"
)

// Main makes one executable three programs. It returns false at once, unless
// the process was started under the name "etcd" or "kube-apiserver": then it
// runs that program to its end and returns its exit code and true. A program
// that a Plane has started ends by itself as soon as the process that owns
// the Plane is gone, however that process ended.
func Main() (code int, ran bool) {
	temporary.RestoreCache()
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if name != etcdName && name != apiServerName {
		// Kubernetes puts its flag --version into the global set, which cobra
		// would offer as our own.
		pflag.CommandLine = pflag.NewFlagSet(os.Args[0], pflag.ExitOnError)
		return 0, false
	}
	dir, owned := filepath.Dir(os.Args[0]), false
	if _, err := os.Stat(filepath.Join(dir, temporary.OwnerFile)); err == nil {
		owned = true
		if len(os.Args) == 2 && os.Args[1] == "--help" {
			// envtest asks for the help text twice on every start, to look for two
			// flags of old versions; the whole text costs a second.
			return 0, true
		}
		if err := liveWithOwner(dir, name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1, true
		}
		if assets, err := os.ReadFile(filepath.Join(dir, assetsFile)); err == nil {
			return runForeign(filepath.Join(string(assets), filepath.Base(os.Args[0]))), true
		}
	} else if abandoned(dir) {
		return 1, true
	}
	collectRarely(serverLimit)
	if name == etcdName {
		return runEtcd(), true
	}
	if err := nameVersion(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	if !owned {
		return cli.Run(app.NewAPIServerCommand()), true
	}
	return runAPIServer(), true
}

// walSegment is how much of the disk a log of etcd takes beforehand, in bytes;
// by default it is 64 MB, twice.
const walSegment = 4 << 20

// runEtcd runs the linked etcd, which ends the process itself.
func runEtcd() int {
	wal.SegmentSizeBytes = walSegment
	for _, v := range os.Environ() {
		// etcd reads every flag from the environment too.
		if key, _, _ := strings.Cut(v, "="); strings.HasPrefix(key, "ETCD_") {
			_ = os.Unsetenv(key)
		}
	}
	etcdmain.Main(os.Args)
	return 0
}

// runForeign runs a program of a folder of assets as a child, so that it ends
// with its owner although it knows nothing of owners.
func runForeign(path string) int {
	cmd := exec.Command(path, os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = endWithParent()
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
