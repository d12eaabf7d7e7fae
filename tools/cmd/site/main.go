// Command site renders the lessons and guides: to static files, or to look at while they
// are written. It is apart from the command workshop, which must not compile what this one
// needs.
package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/services/postgres"
	"example.com/boxoffice/tools/internal/site"
	"example.com/boxoffice/tools/internal/site/content"
)

func main() {
	postgres.RunIfSupervisor()
	cli.Main(newRootCmd())
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:         "site",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "go tool workshop site"},
		Short:       "Render the pages of the workshop",
		RunE:        func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newBuildCmd(), newCheckCmd(), newServeCmd(), newStartCmd(), newDrawCmd())
	cli.Explain(root)
	return root
}

// open reads the site of the course that the working folder is inside of.
func open() (*site.Site, *course.Course, error) {
	dir, err := cli.WorkingFolder()
	if err != nil {
		return nil, nil, err
	}
	c, err := cli.OpenCourse(dir)
	if err != nil {
		return nil, nil, err
	}
	s, err := site.Open(c)
	if err != nil {
		return nil, nil, &cli.Problem{What: "can't read the pages", Why: err, Next: "git checkout -- site"}
	}
	return s, c, nil
}

// wrong prints what is wrong with the site, a line each, and is the end of a command.
func wrong(w io.Writer, found content.Findings) error {
	fmt.Fprintln(w, found)
	return &cli.Problem{What: "something is wrong with the site", Next: "mend what is listed above, then: go tool workshop site check", Code: cli.ExitRed}
}
