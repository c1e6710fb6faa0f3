package release

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	clients "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kinds is what the API server serves. It is asked again when it may have
// changed and Helm says that it is stale.
type Kinds struct {
	Discovery discovery.CachedDiscoveryInterface
	Mapper    meta.ResettableRESTMapper
}

// cluster gives Helm its clients.
type cluster struct {
	config    *rest.Config
	namespace string
	discovery discovery.CachedDiscoveryInterface
	mapper    meta.ResettableRESTMapper
	shelves   map[string]*shelf // by namespace
}

func newCluster(req Request, namespace string) (*cluster, error) {
	config := rest.CopyConfig(req.Config)
	config.UserAgent = FieldManager
	if config.WarningHandler == nil && config.WarningHandlerWithContext == nil {
		config.WarningHandler = rest.NoWarnings{}
	}
	kinds := req.Kinds
	if kinds.Discovery == nil {
		found, err := discovery.NewDiscoveryClientForConfig(config)
		if err != nil {
			return nil, fmt.Errorf("connect to the API server: %w", err)
		}
		kinds.Discovery = memory.NewMemCacheClient(found)
		kinds.Mapper = restmapper.NewDeferredDiscoveryRESTMapper(kinds.Discovery)
	}
	kinds.Mapper.Reset()
	return &cluster{config: config, namespace: namespace, discovery: kinds.Discovery, mapper: kinds.Mapper, shelves: map[string]*shelf{}}, nil
}

// ToRESTConfig is part of Helm's interface, as are the next three methods.
func (c *cluster) ToRESTConfig() (*rest.Config, error) { return c.config, nil }

// ToDiscoveryClient returns the shared client.
func (c *cluster) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return c.discovery, nil
}

// ToRESTMapper returns the shared mapper.
func (c *cluster) ToRESTMapper() (meta.RESTMapper, error) { return c.mapper, nil }

// ToRawKubeConfigLoader gives the namespace of objects that name none.
func (c *cluster) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	overrides := &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Namespace: c.namespace}}
	return clientcmd.NewDefaultClientConfig(*clientcmdapi.NewConfig(), overrides)
}

func (c *cluster) storage(namespace string) (*driver.Secrets, error) {
	if c.shelves[namespace] == nil {
		client, err := clients.NewForConfig(c.config)
		if err != nil {
			return nil, fmt.Errorf("connect to the API server: %w", err)
		}
		c.shelves[namespace] = &shelf{SecretInterface: client.Secrets(namespace), listed: map[string]*corev1.SecretList{}}
	}
	secrets := driver.NewSecrets(c.shelves[namespace])
	secrets.SetLogger(slog.DiscardHandler)
	return secrets, nil
}

func discardOutput(_, _, _ string) io.Writer { return io.Discard }

// kubeClient is Helm's client with our own waiting.
type kubeClient struct {
	*kube.Client
	ctx    context.Context
	health Health
}

var _ kube.InterfaceWaitOptions = (*kubeClient)(nil)

func newKubeClient(ctx context.Context, c *cluster, health Health) *kubeClient {
	client := kube.New(c)
	client.Factory = factory{client.Factory, c}
	client.SetLogger(slog.DiscardHandler)
	return &kubeClient{Client: client, ctx: ctx, health: health}
}

// GetWaiter returns a waiter that asks the Health of the request.
func (k *kubeClient) GetWaiter(strategy kube.WaitStrategy) (kube.Waiter, error) {
	return &waiter{ctx: k.ctx, health: k.health, hooksOnly: strategy == kube.HookOnlyStrategy, legacy: strategy == kube.LegacyStrategy}, nil
}

// GetWaiterWithOptions is GetWaiter.
func (k *kubeClient) GetWaiterWithOptions(strategy kube.WaitStrategy, _ ...kube.WaitOption) (kube.Waiter, error) {
	return k.GetWaiter(strategy)
}

type waiter struct {
	ctx       context.Context
	health    Health
	hooksOnly bool
	legacy    bool
}

// Wait waits for the objects of a release, for Jobs until they have started.
func (w *waiter) Wait(list kube.ResourceList, timeout time.Duration) error {
	if w.hooksOnly {
		return nil
	}
	return w.wait(list, Started, timeout)
}

// WaitWithJobs waits for the objects of a release.
func (w *waiter) WaitWithJobs(list kube.ResourceList, timeout time.Duration) error {
	if w.hooksOnly {
		return nil
	}
	return w.wait(list, Healthy, timeout)
}

// WaitForDelete waits for the end of deleted objects.
func (w *waiter) WaitForDelete(list kube.ResourceList, timeout time.Duration) error {
	if w.hooksOnly {
		return nil
	}
	return w.wait(list, Gone, timeout)
}

// WatchUntilReady waits for the objects of a hook.
func (w *waiter) WatchUntilReady(list kube.ResourceList, timeout time.Duration) error {
	return w.wait(list, Complete, timeout)
}

func (w *waiter) wait(list kube.ResourceList, state WaitFor, timeout time.Duration) error {
	if w.health == nil || len(list) == 0 {
		return nil
	}
	objects := make([]*unstructured.Unstructured, 0, len(list))
	for _, info := range list {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(info.Object)
		if err != nil {
			return err
		}
		u := &unstructured.Unstructured{Object: content}
		u.SetNamespace(info.Namespace)
		objects = append(objects, u)
	}
	return w.health(w.ctx, Wait{Objects: objects, For: state, Legacy: w.legacy, Timeout: timeout})
}
