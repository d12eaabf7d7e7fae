package httpapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/steps/05-stateless/boxoffice"
)

// order is how the API shows an order.
type order struct {
	ID         int64     `json:"id"`
	EventID    int64     `json:"event_id"`
	Event      *event    `json:"event,omitempty"`
	Quantity   int       `json:"quantity"`
	TotalCents int64     `json:"total_cents"`
	Status     string    `json:"status"`
	CreatedAt  time.Time `json:"created_at"`
}

func showOrder(o boxoffice.Order) order {
	shown := order{
		ID: o.ID, EventID: o.EventID, Quantity: o.Quantity,
		TotalCents: o.TotalCents, Status: o.Status, CreatedAt: o.CreatedAt,
	}
	if o.Event != nil {
		e := showEvent(*o.Event)
		shown.Event = &e
	}
	return shown
}

// region createOrder

func (a *api) createOrder(c *gin.Context) error {
	eventID, err := pathID(c)
	if err != nil {
		return err
	}
	var in struct {
		Quantity int `json:"quantity"`
	}
	if err := readBody(c, &in); err != nil {
		return err
	}
	created, err := a.service.CreateOrder(c.Request.Context(), boxoffice.Order{
		UserID: loggedIn(c), EventID: eventID, Quantity: in.Quantity,
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, showOrder(created))
	return nil
}

// endregion

func (a *api) getOrder(c *gin.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	found, err := a.service.Order(c.Request.Context(), loggedIn(c), id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, showOrder(found))
	return nil
}

func (a *api) myOrders(c *gin.Context) error {
	found, err := a.service.OrdersOf(c.Request.Context(), loggedIn(c))
	if err != nil {
		return err
	}
	orders := make([]order, len(found))
	for i := range found {
		orders[i] = showOrder(found[i])
	}
	c.JSON(http.StatusOK, gin.H{"orders": orders})
	return nil
}
