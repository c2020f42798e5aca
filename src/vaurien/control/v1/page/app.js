// The dashboard.

document.getElementById("view").textContent = "vaurien";
