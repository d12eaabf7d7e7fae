package httpapi

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/solutions/09-queues/boxoffice"
)

// job is how the API shows work for later.
type job struct {
	ID       int64               `json:"id"`
	Status   boxoffice.JobStatus `json:"status"`
	Progress int                 `json:"progress"` // percent
	Result   *salesReport        `json:"result,omitempty"`
}

type sales struct {
	Orders     int64 `json:"orders"`
	Tickets    int64 `json:"tickets"`
	TotalCents int64 `json:"total_cents"`
}

type salesReport struct {
	sales
	Cities map[string]sales `json:"cities"`
}

func showJob(j boxoffice.Job) job {
	shown := job{ID: j.ID, Status: j.Status, Progress: j.Progress}
	if j.Result != nil {
		shown.Result = showReport(*j.Result)
	}
	return shown
}

func showReport(r boxoffice.SalesReport) *salesReport {
	shown := &salesReport{sales: sales(r.Sales), Cities: map[string]sales{}}
	for city, s := range r.Cities {
		shown.Cities[city] = sales(s)
	}
	return shown
}

// region reportSales

// reportSales answers at once, and says where to ask for the report.
func (a *api) reportSales(c *gin.Context) error {
	asked, err := a.service.AskForReport(c.Request.Context(), loggedIn(c))
	if err != nil {
		return err
	}
	c.Header("Location", fmt.Sprintf("/jobs/%d", asked.ID))
	c.JSON(http.StatusAccepted, showJob(asked))
	return nil
}

// endregion

func (a *api) getJob(c *gin.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	found, err := a.service.Report(c.Request.Context(), loggedIn(c), id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, showJob(found))
	return nil
}
