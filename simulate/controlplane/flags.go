package controlplane

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	loopback     = "127.0.0.1"
	startTimeout = time.Minute // a loaded machine; two seconds are usual
	stopGrace    = time.Second // both end at once, unless they are stopped
	stopTimeout  = 10 * time.Second
	startPause   = 2 * time.Millisecond // between two looks whether etcd is there
	socketLimit  = 100                  // longest path of a Unix socket that all systems take, with some room
)

// disabledAdmission names the admission plugins that depend on what does not
// run here: webhooks' pods, and the controller that makes the default service
// accounts. A quota is in force once somebody has counted what is used.
func disabledAdmission() string {
	return strings.Join([]string{
		"MutatingAdmissionWebhook", "ValidatingAdmissionWebhook", "ServiceAccount",
	}, ",")
}

// authentication lets nobody in without a credential but the probe of the start.
const authentication = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt: []
anonymous:
  enabled: true
  conditions:
  - path: /healthz
`

// newEtcd describes an etcd that keeps nothing for good: no sync to the disk,
// an election among one, clients through a socket in the private folder.
func newEtcd(f *folder, log *os.File) (*envtest.Etcd, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	etcd := &envtest.Etcd{
		Path: f.program(etcdName), DataDir: f.file("data"), Out: log, Err: log,
		// The address that envtest asks for the health: metrics and health only.
		URL:          &url.URL{Scheme: "http", Host: net.JoinHostPort(loopback, port)},
		StartTimeout: startTimeout, StopTimeout: stopTimeout,
	}
	etcd.Configure().
		Set("unsafe-no-fsync", "true").
		Set("heartbeat-interval", "10").
		Set("election-timeout", "50").
		Set("snapshot-count", "10000").
		Set("max-wals", "1").
		Set("max-snapshots", "1").
		Set("quota-backend-bytes", "0").
		Set("log-level", "warn").
		Set("listen-client-urls", etcdClients(f, etcd.URL))
	if etcdClients(f, etcd.URL) != etcd.URL.String() {
		etcd.Configure().Set("listen-metrics-urls", etcd.URL.String())
	}
	return etcd, nil
}

// etcdClients is where etcd serves the API server. A path that is too long for
// a socket leaves the loopback address.
func etcdClients(f *folder, fallback *url.URL) string {
	if socket := f.file("etcd.sock"); len(socket) <= socketLimit && os.PathSeparator == '/' {
		return "unix://" + socket
	}
	return fallback.String()
}

// newAPIServer describes an API server that decides as one in a cluster does,
// without what only a cluster can give.
func newAPIServer(f *folder, log *os.File, clients string, of ranges) (*envtest.APIServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	server := &envtest.APIServer{
		Path: f.program(apiServerName), CertDir: f.file("certificates"), Out: log, Err: log,
		SecureServing: envtest.SecureServing{ListenAddr: envtest.ListenAddr{Address: loopback, Port: port}},
		StartTimeout:  startTimeout, StopTimeout: stopTimeout,
	}
	server.Configure().
		Set("etcd-servers", clients).
		Set("advertise-address", loopback).
		Set("service-cluster-ip-range", of.services).
		Set("service-node-port-range", of.ports).
		Set("authorization-mode", "RBAC").
		Set("disable-admission-plugins", disabledAdmission()).
		Set("enable-priority-and-fairness", "false").
		Set("max-requests-inflight", "0").
		Set("max-mutating-requests-inflight", "0").
		Set("endpoint-reconciler-type", "none").
		Set("event-ttl", "10m").
		Set("watch-cache", "false").
		Set("profiling", "false").
		Set("enable-logs-handler", "false")
	return server, nil
}

// restrictAnonymous closes the linked API server to whoever has no credential.
// Other versions may not know the file; there RBAC alone holds them off.
func restrictAnonymous(f *folder, server *envtest.APIServer) error {
	path := f.file("authentication.yaml")
	if err := os.WriteFile(path, []byte(authentication), 0o600); err != nil {
		return err
	}
	server.Configure().Set("authentication-config", path)
	return nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return "", fmt.Errorf("find a free port on %s: %w", loopback, err)
	}
	defer l.Close()
	c, err := net.DialTimeout("tcp", l.Addr().String(), pulsePatient)
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w: the control plane needs a loopback interface with this address", loopback, err)
	}
	_ = c.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
