package controlplane

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-base/logs"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	rbacrest "k8s.io/kubernetes/pkg/registry/rbac/rest"
	schedulingrest "k8s.io/kubernetes/pkg/registry/scheduling/rest"
)

// runAPIServer runs the linked API server. It is put together as
// app.NewAPIServerCommand does, but for hooks that wait for a second before
// they begin: see storeFirst.
func runAPIServer() int {
	logs.InitLogs()
	defer logs.FlushLogs()
	s := options.NewServerRunOptions()
	flags := pflag.NewFlagSet(apiServerName, pflag.ContinueOnError)
	for _, set := range s.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	err := flags.Parse(os.Args[1:])
	if err == nil {
		err = serve(genericapiserver.SetupSignalContext(), s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		return 1
	}
	return 0
}

// serve completes the options and runs the API server until ctx ends.
func serve(ctx context.Context, s *options.ServerRunOptions) error {
	if err := s.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	completed, err := s.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return utilerrors.NewAggregate(errs)
	}
	if completed.InformerName, err = cache.NewInformerName(apiServerName); err != nil {
		return err
	}
	await(ctx, completed.Etcd.StorageConfig.Transport.ServerList)
	config, err := app.NewConfig(completed)
	if err != nil {
		return err
	}
	config.KubeAPIs.ControlPlane.Generic.DisabledPostStartHooks.Insert(rbacrest.PostStartHookName, schedulingrest.PostStartHookName)
	definitions := config.ApiExtensions.GenericConfig
	definitions.RESTOptionsGetter = compactly{definitions.RESTOptionsGetter}
	chain, err := config.Complete()
	if err != nil {
		return err
	}
	server, err := app.CreateServerChain(chain)
	if err != nil {
		return err
	}
	if err := server.GenericAPIServer.AddPostStartHook("flux-rehearse/first-objects", storeFirst); err != nil {
		return fmt.Errorf("prepare the objects that every cluster has: %w", err)
	}
	prepared, err := server.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}

// await waits until etcd listens: whoever asks too early is told to come back
// in a second.
func await(ctx context.Context, servers []string) {
	late := time.After(startTimeout)
	for _, server := range servers {
		network, address := "tcp", ""
		if u, err := url.Parse(server); err == nil {
			address = u.Host
			if u.Scheme == "unix" {
				network, address = u.Scheme, u.Path
			}
		}
		for {
			if c, err := net.Dial(network, address); err == nil {
				_ = c.Close()
				break
			}
			select {
			case <-ctx.Done():
				return
			case <-late:
				return
			case <-time.After(startPause):
			}
		}
	}
}
