package controlplane

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	systemclasses "k8s.io/kubernetes/pkg/apis/scheduling/v1"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// How the first objects are stored: so many at once, and how often and how long
// one that the server does not take yet is tried.
const (
	firstWriters  = 4
	firstPause    = 10 * time.Millisecond
	firstPatience = 30 * time.Second
)

// storeFirst stores the roles, bindings and priority classes that every cluster
// has in an empty API server. It takes the place of the server's own hooks,
// which wait for a second first, and look for older versions of each.
func storeFirst(hook genericapiserver.PostStartHookContext) error {
	client, err := kubernetes.NewForConfig(hook.LoopbackClientConfig)
	if err != nil {
		return fmt.Errorf("connect to the own API server: %w", err)
	}
	w := writer{}
	w.group, w.ctx = errgroup.WithContext(hook)
	w.group.SetLimit(firstWriters)
	put(w, client.SchedulingV1().PriorityClasses(), priorities())
	roles := client.RbacV1()
	put(w, roles.ClusterRoles(), append(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()...))
	put(w, roles.ClusterRoleBindings(), append(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()...))
	for name, all := range bootstrappolicy.NamespaceRoles() {
		if err := store(w.ctx, client.CoreV1().Namespaces(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
		put(w, roles.Roles(name), all)
		put(w, roles.RoleBindings(name), bootstrappolicy.NamespaceRoleBindings()[name])
	}
	return w.group.Wait()
}

// priorities are the priority classes that every cluster has.
func priorities() []schedulingv1.PriorityClass {
	var out []schedulingv1.PriorityClass
	for _, c := range systemclasses.SystemPriorityClasses() {
		out = append(out, *c)
	}
	return out
}

// creator creates objects of one kind.
type creator[T any] interface {
	Create(ctx context.Context, object *T, o metav1.CreateOptions) (*T, error)
}

// writer creates objects side by side.
type writer struct {
	ctx   context.Context
	group *errgroup.Group
}

func put[T any](w writer, to creator[T], objects []T) {
	for _, o := range objects {
		w.group.Go(func() error { return store(w.ctx, to, &o) })
	}
}

// store creates an object that may be there already.
func store[T any](ctx context.Context, to creator[T], object *T) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, firstPause, firstPatience, true, func(ctx context.Context) (bool, error) {
		_, last = to.Create(ctx, object, metav1.CreateOptions{})
		return last == nil || apierrors.IsAlreadyExists(last), nil
	})
	if err != nil {
		return fmt.Errorf("store what every cluster has: %w (%w)", last, err)
	}
	return nil
}
