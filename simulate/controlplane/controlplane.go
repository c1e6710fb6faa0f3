// Package controlplane runs a real etcd and kube-apiserver on this machine,
// through envtest. Both programs are linked into the executable: see Main.
// Nothing is downloaded, nothing listens beyond the loopback interface, and no
// process and no folder outlives the process that started them.
package controlplane

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/flux-rehearse/flux-rehearse/internal/temporary"
)

// Options says how to start a Plane. The zero value is the linked version in
// the system's folder for temporary files.
type Options struct {
	// Assets is a folder with the programs etcd and kube-apiserver of another
	// version. When empty, the environment variable KUBEBUILDER_ASSETS names it.
	Assets string
	// Dir is where the private folder of the plane is made.
	Dir string
	// ServiceRange is where Services get their addresses, or two of them, one of
	// IPv4 and one of IPv6, with a comma. When empty both are there, and wide:
	// nothing in a repository tells the ranges of its cluster.
	ServiceRange string
	// NodePortRange is the range of node ports, such as 30000-32767. When empty
	// every port is taken: nothing in a repository tells the range of its cluster.
	NodePortRange string

	silence time.Duration // how long the API server may fail to answer, pulseSilence when zero
}

// serviceRange holds the ranges that installers of clusters choose. Programs of
// other versions may take no range of more than a million addresses: theirs is
// that of kubeadm. IPv4 comes first: it is what a Service gets that asks for nothing.
const (
	serviceRange       = "10.0.0.0/8," + ipv6Range
	narrowServiceRange = "10.96.0.0/12," + ipv6Range
	ipv6Range          = "fd00:10:96::/108"
	everyPort          = "1-65535"
)

// ranges are what Services get their addresses and their node ports from.
type ranges struct{ services, ports string }

// Version is the version of a running API server.
type Version struct {
	Kubernetes string // v1.37.2
	Embedded   bool   // linked into this executable, not from a folder of assets
}

// Plane is a running control plane.
type Plane struct {
	config  *rest.Config
	version Version
	folder  *folder
	env     *envtest.ControlPlane
	ranges  ranges
	silence time.Duration // after which the plane is lost
	// What there is to say of a start that failed, at that time: the logs, and
	// whether the disk was full.
	lastWords string
	cramped   bool

	stop    sync.Once
	stopErr error
	done    chan struct{}
	died    error // why done is closed, set before
	lose    sync.Once
}

// Start starts a control plane and returns when it serves. An error names the
// program that did not start, with the end of its log. When ctx ends first,
// nothing is left behind.
func Start(ctx context.Context, o Options) (*Plane, error) {
	assets, err := assetsFolder(o.Assets)
	if err != nil {
		return nil, err
	}
	p, err := once(ctx, o, assets)
	for range retries {
		if err == nil || ctx.Err() != nil || !taken(err) {
			break
		}
		p, err = once(ctx, o, assets)
	}
	return p, err
}

// retries is how often a start is tried again when another process has taken a
// port between its choice and its use.
const retries = 4

// taken reports whether the end of the logs tells of a port of another process.
func taken(err error) bool {
	return strings.Contains(err.Error(), portTaken) || strings.Contains(err.Error(), "Only one usage of each socket address")
}

// once tries to start a control plane.
func once(ctx context.Context, o Options, assets string) (*Plane, error) {
	f, err := newFolder(o.Dir, assets)
	if err != nil {
		return nil, explain(err, "")
	}
	services := serviceRange
	if assets != "" {
		services = narrowServiceRange
	}
	p := &Plane{
		folder: f, done: make(chan struct{}), silence: cmp.Or(o.silence, pulseSilence),
		version: Version{Embedded: assets == ""}, ranges: ranges{cmp.Or(o.ServiceRange, services), cmp.Or(o.NodePortRange, everyPort)},
	}
	if err := p.start(ctx); err != nil {
		if p.cramped || full(f.path) {
			err = fmt.Errorf("%w: %w", err, syscall.ENOSPC)
		}
		if assets != "" {
			err = fmt.Errorf("%w, with the programs of the folder %q that KUBEBUILDER_ASSETS names", err, assets)
		}
		err = explain(err, cmp.Or(p.lastWords, p.Logs()))
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Plane) start(ctx context.Context) error {
	// Disowning the folder ends both programs, and with them the wait for them.
	interrupted := context.AfterFunc(ctx, func() { _ = p.folder.disown() })
	defer interrupted()
	if err := p.launch(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("start the control plane: %w", ctx.Err())
		}
		return fmt.Errorf("start the control plane: %w", err)
	}
	p.watch(etcdName)
	p.watch(apiServerName)
	admin, err := p.env.AddUser(envtest.User{Name: "flux-rehearse", Groups: []string{"system:masters"}}, &rest.Config{QPS: -1, Burst: 10000})
	if err != nil {
		return fmt.Errorf("make the administrator's credential: %w", err)
	}
	p.config = admin.Config()
	return p.settle(ctx)
}

// launch starts etcd and the API server, and waits until each is healthy.
func (p *Plane) launch() error {
	logs := map[string]*os.File{}
	for _, name := range []string{etcdName, apiServerName} {
		log, err := os.OpenFile(p.logFile(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("make the log of %s: %w", name, err)
		}
		defer log.Close()
		logs[name] = log
	}
	etcd, err := newEtcd(p.folder, logs[etcdName])
	if err != nil {
		return err
	}
	server, err := newAPIServer(p.folder, logs[apiServerName], etcdClients(p.folder, etcd.URL), p.ranges)
	if err != nil {
		return err
	}
	for _, dir := range []string{etcd.DataDir, server.CertDir} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if p.version.Embedded {
		if err := restrictAnonymous(p.folder, server); err != nil {
			return err
		}
	}
	p.env = &envtest.ControlPlane{Etcd: etcd, APIServer: server}
	if !p.version.Embedded {
		return p.env.Start()
	}
	return p.startTogether()
}

// startTogether starts both linked programs at once; the API server waits for
// etcd itself. When one does not start, both end.
func (p *Plane) startTogether() error {
	p.env.APIServer.EtcdURL = p.env.Etcd.URL
	var both errgroup.Group
	var told sync.Once
	for _, start := range []func() error{p.env.Etcd.Start, p.env.APIServer.Start} {
		both.Go(func() error {
			err := start()
			if err != nil {
				told.Do(func() { p.lastWords, p.cramped = p.Logs(), full(p.folder.path) }) // etcd removes the folder
				_ = p.folder.disown()
			}
			return err
		})
	}
	return both.Wait()
}

// settle waits for the first namespace and asks for the version.
func (p *Plane) settle(ctx context.Context) error {
	discover, err := discovery.NewDiscoveryClientForConfig(p.config)
	if err != nil {
		return err
	}
	client := discover.RESTClient()
	go p.feel(client)
	ctx, cancel := p.whileServing(ctx)
	defer cancel()
	const pause = 10 * time.Millisecond
	for client.Get().AbsPath("/api/v1/namespaces/default").Do(ctx).Error() != nil {
		select {
		case <-p.done:
			return p.died
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	said, err := client.Get().AbsPath("/version").Do(ctx).Raw()
	var info version.Info
	if err == nil {
		err = json.Unmarshal(said, &info)
	}
	if err != nil {
		return fmt.Errorf("ask the API server for its version: %w", cmp.Or(p.Err(), err))
	}
	p.version.Kubernetes = info.GitVersion
	return nil
}

// Config is the client configuration of an administrator, without a limit of
// requests. The caller may change its copy.
func (p *Plane) Config() *rest.Config { return rest.CopyConfig(p.config) }

// Version is the version of the API server.
func (p *Plane) Version() Version { return p.version }

// Done is closed when the plane no longer serves: one of its programs has
// ended, or Stop was called.
func (p *Plane) Done() <-chan struct{} { return p.done }

// Err says why the plane no longer serves, with the end of the logs. It is nil
// while the plane serves and after a Stop.
func (p *Plane) Err() error {
	select {
	case <-p.done:
		return p.died
	default:
		return nil
	}
}

// Stop ends both programs and removes their folder. Further calls do nothing
// and return what the first returned.
func (p *Plane) Stop() error {
	p.stop.Do(func() {
		p.lose.Do(func() { close(p.done) })
		_ = p.folder.disown()
		late := time.Now().Add(stopGrace)
		for _, name := range []string{apiServerName, etcdName} {
			if !p.folder.ended(name, late) && !p.folder.kill(name) {
				p.stopErr = fmt.Errorf("%s does not end", name)
			}
		}
		if p.env != nil {
			// envtest reaps the processes; that they are gone already is no mistake.
			_ = p.env.Stop()
		}
		// etcd may have been ended while it removed the folder.
		if err := temporary.Discard(p.folder.path); err != nil {
			p.stopErr = errors.Join(p.stopErr, fmt.Errorf("remove the folder of the control plane: %w", err))
		}
	})
	return p.stopErr
}

func assetsFolder(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv("KUBEBUILDER_ASSETS")
	}
	if dir == "" {
		return "", nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for _, name := range []string{etcdName, apiServerName} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && !info.IsDir() && runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
			return "", fmt.Errorf("%q cannot be run: make it executable with chmod +x", filepath.Join(dir, name))
		}
		if err != nil || info.IsDir() {
			return "", fmt.Errorf("folder %q holds no program %q: name a folder with etcd and kube-apiserver, or none for the embedded version", dir, name)
		}
	}
	return dir, nil
}
