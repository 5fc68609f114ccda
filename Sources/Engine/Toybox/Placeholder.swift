// Toybox
